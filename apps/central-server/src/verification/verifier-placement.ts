/**
 * Finds nodes for re-runs: part of each pass of the scheduler, before new jobs take the free units.
 *
 * A unit of the same class as the one under test is waited for; after that any unit that runs the lowering will do, and
 * after as long again the job ends with what was answered. The choice is market's (`chooseVerifier`), with secret
 * randomness. Nodes that do not answer shorten no wait.
 */
import { defined, errorMessage, type AssignmentId, type JobId, type NodeId, type UserId } from "@cyxwiz/primitives";
import { chooseVerifier, verifierPay, type ChosenVerifier, type VerifierUnit } from "@cyxwiz/market";
import type { Logger } from "@cyxwiz/platform";
import { isPositive, judgeWithout, MAX_RERUNS, type RerunOutcome } from "@cyxwiz/receipt";
import { sql } from "kysely";
import { offerAssignment } from "../assignments/assignment-offer.ts";
import {
  inTransaction,
  violatedUnique,
  type MarketTransaction,
  type TransactionContext,
} from "../database/transaction.ts";
import type { JobSignals } from "../jobs/job-signals.ts";
import { lockJob, noteJobEvent, type JobRow } from "../jobs/job-state.ts";
import { newId } from "../jobs/new-id.ts";
import { quoteOf, type QuoteRecord } from "../quotes/quote-record.ts";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import type { Placed } from "../scheduling/place-job.ts";
import { involvedOwners } from "./independence.ts";
import { HANDOVER_WAIT_MS, MAX_RERUN_ATTEMPTS, TRUSTED_RERUNS, VERIFICATIONS_PER_PASS } from "./limits.ts";
import { answersOf } from "./rerun-service.ts";
import { inputsOf, readVerification, rerunTask, type Verification } from "./rerun-task.ts";
import type { VerificationService } from "./verification-service.ts";

export interface VerifierPlacementOptions extends TransactionContext {
  readonly verifications: VerificationService;
  readonly signals: JobSignals;
  readonly maxJobsPerNode: number;
  /** How long a verifier of the same class is waited for, in milliseconds; as long again for any other. */
  readonly waitMs: number;
  /** Uniform in [0, 1), from a secure source. */
  readonly secureRandom: () => number;
  /** Successes that counted, from which on a node's word decides. */
  readonly establishedSuccesses: number;
  readonly logger: Logger;
}

/** What a verification waits for, without its chain. */
interface Drawn {
  readonly id: string;
  readonly lowering: string | null;
  readonly build: string | null;
  readonly hardwareClass: string | null;
  readonly threads: number | null;
  readonly from: number;
  readonly to: number;
  readonly drawnAt: Date;
  readonly isHandOver: boolean;
}

/** A drawn verification with its job. */
interface Open {
  readonly drawn: Drawn;
  readonly job: Pick<JobRow, "id" | "user_id" | "quote_id" | "committed_step">;
  readonly asked: readonly Asked[];
}

/** A node that was asked, whatever came of it. */
interface Asked {
  readonly ownerId: UserId;
  readonly isPlatform: boolean;
  readonly isTrusted: boolean;
  /** Null without an answer. */
  readonly outcome: RerunOutcome | null;
}

export interface VerifierPass {
  readonly placed: readonly Placed[];
  /** How many re-runs still wait for a node. */
  readonly waiting: number;
}

export class VerifierPlacement {
  readonly #options: VerifierPlacementOptions;

  constructor(options: VerifierPlacementOptions) {
    this.#options = options;
  }

  /** Asks a node for each re-run that is due and has none. One that cannot be placed keeps no other waiting. */
  async pass(readFleet: () => Promise<readonly FleetUnit[]>): Promise<VerifierPass> {
    const open = await this.#open();
    const placed: Placed[] = [];
    let waiting = 0;
    let fleet: readonly FleetUnit[] | undefined;
    for (const one of open) {
      fleet ??= await readFleet();
      const made = await this.#tryPlace(one, fleet);
      if (made === "waits") waiting++;
      else if (made) placed.push(made);
      // It took a unit: the next one looks anew.
      if (made !== "waits") fleet = undefined;
    }
    return { placed, waiting };
  }

  async #tryPlace(open: Open, fleet: readonly FleetUnit[]): Promise<Placed | "waits" | undefined> {
    try {
      return await this.#place(open, fleet);
    } catch (error) {
      const { logger } = this.#options;
      logger.error("a re-run could not be placed", { jobId: open.job.id, error: errorMessage(error) });
      return "waits";
    }
  }

  async #place(open: Open, fleet: readonly FleetUnit[]): Promise<Placed | "waits" | undefined> {
    const { clock, secureRandom } = this.#options;
    const { drawn, job, asked } = open;
    const waitMs = drawn.isHandOver ? HANDOVER_WAIT_MS / 2 : this.#options.waitMs;
    const waitedMs = clock.now() - drawn.drawnAt.getTime();
    const silent = asked.filter((one) => one.outcome === null);
    const quote = await quoteOf(this.#options.db, job);
    const involved = await involvedOwners(this.#options.db, { job, verificationId: drawn.id });
    const demand = {
      needs: quote.cost.needs,
      lowering: drawn.lowering ?? "",
      build: drawn.build ?? "",
      hardwareClass: drawn.hardwareClass ?? "",
      threads: drawn.threads ?? 1,
      excludedOwners: new Set([...involved, ...unwilling(silent)]),
      excludedNodes: new Set<NodeId>(),
      isCrossClassAllowed: waitedMs >= waitMs,
    };
    const isTired = silent.length >= MAX_RERUN_ATTEMPTS;
    const hasWaited = waitedMs >= 2 * waitMs;
    const chosen = chooseVerifier(this.#askable(fleet, asked, isTired), demand, secureRandom);
    if (chosen && !(isTired && hasWaited)) return (await this.#ask(open, quote, chosen)) ?? "waits";
    const isSomebodyThere = fleet.some(({ online, ownerId }) => online && !demand.excludedOwners.has(ownerId));
    if (!hasWaited && (isSomebodyThere || !isOnlyAudited(asked))) return "waits";
    await this.#giveUp(open);
    return undefined;
  }

  /** The fleet with those away who may not be asked any more; their devices stay occupied. */
  #askable(
    fleet: readonly FleetUnit[],
    asked: readonly Asked[],
    isTired: boolean,
  ): readonly (FleetUnit & VerifierUnit)[] {
    const strangers = asked.filter((one) => one.outcome !== null && !one.isTrusted).length;
    const isTrustNeeded = strangers >= MAX_RERUNS - TRUSTED_RERUNS;
    return fleet
      .map((unit) => this.#verifierUnit(unit))
      .map((unit) => {
        const mayBeAsked = (!isTired || unit.isPlatform) && (!isTrustNeeded || unit.isTrusted);
        return mayBeAsked ? unit : { ...unit, online: false };
      });
  }

  async #ask(
    { drawn, job }: Open,
    quote: QuoteRecord,
    { unit, mode }: ChosenVerifier<FleetUnit & VerifierUnit>,
  ): Promise<Placed | undefined> {
    const { clock, random, maxJobsPerNode, signals } = this.#options;
    const { from, to } = drawn;
    const jobId = job.id as JobId;
    const id = newId(random) as AssignmentId;
    const at = new Date(clock.now());
    const pay = verifierPay({
      quoted: quote.amount,
      totalSteps: quote.totalSteps,
      committedSteps: Number(job.committed_step),
      intervalSteps: to - from,
    });
    const threads = mode === "exact" ? (drawn.threads ?? undefined) : undefined;
    const offered = await this.#unlessTaken(async (transaction) => {
      const locked = await lockJob(transaction, jobId);
      if (locked?.state !== "VERIFYING") return false;
      const offer = { id, jobId, kind: "VERIFY", unit, threads, fromStep: BigInt(from), maxJobsPerNode, at } as const;
      if (!(await offerAssignment(transaction, offer))) return false;
      const verification = await findVerification(transaction, drawn.id);
      await transaction
        .insertInto("reruns")
        .values({
          assignment_id: id,
          verification_id: drawn.id,
          unit_id: unit.unitId,
          machine_id: unit.nodeId,
          owner_id: unit.ownerId,
          is_platform: unit.isPlatform,
          is_trusted: unit.isTrusted,
          mode,
          pay,
          inputs: [...inputsOf(rerunTask(verification, mode))],
        })
        .execute();
      const how = mode === "exact" ? "" : ", on another class of hardware";
      const message = `${unit.nodeName} is asked to run steps ${from} to ${to} again${how}`;
      await noteJobEvent(transaction, jobId, { kind: "rerun-offered", at, message });
      return true;
    });
    signals.changed(jobId);
    return offered ? { assignmentId: id, nodeId: unit.nodeId } : undefined;
  }

  /** False too when the world moved on: another server was faster. */
  async #unlessTaken(offer: (transaction: MarketTransaction) => Promise<boolean>): Promise<boolean> {
    try {
      return await inTransaction(this.#options, offer);
    } catch (error) {
      if (violatedUnique(error) !== undefined) return false;
      throw error;
    }
  }

  /** Nobody else can re-run it. */
  async #giveUp({ drawn, job }: Open): Promise<void> {
    const { verifications, signals } = this.#options;
    const jobId = job.id as JobId;
    await inTransaction(this.#options, async (transaction) => {
      const locked = defined(await lockJob(transaction, jobId), "the job of a verification");
      if (locked.state !== "VERIFYING") return;
      const { row } = await findVerification(transaction, drawn.id);
      const verdict = judgeWithout(await answersOf(transaction, drawn.id));
      if (verdict === "contested") await verifications.contest(transaction, locked, row);
      else await verifications.conclude(transaction, locked, row, { verdict, isSlashable: false });
    });
    verifications.committed();
    signals.changed(jobId);
  }

  /** In random order: those that wait for a rare class keep no place before the others. Chains are not read here. */
  async #open(): Promise<readonly Open[]> {
    const { db } = this.#options;
    const rows = await db
      .selectFrom("verifications")
      .innerJoin("jobs", "jobs.id", "verifications.job_id")
      .select([
        "verifications.id",
        "verifications.job_id",
        "verifications.lowering",
        "verifications.build",
        "verifications.hardware_class",
        "verifications.threads",
        "verifications.from_step",
        "verifications.to_step",
        "verifications.drawn_at",
        sql<string>`verifications.ending ->> 'kind'`.as("ending_kind"),
        "jobs.user_id",
        "jobs.quote_id",
        "jobs.committed_step",
      ])
      .where("verifications.decided_at", "is", null)
      .where("verifications.from_step", "is not", null)
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom("assignments")
              .select("assignments.id")
              .whereRef("assignments.job_id", "=", "verifications.job_id")
              .where("assignments.kind", "=", "VERIFY")
              .where("assignments.ended_at", "is", null),
          ),
        ),
      )
      .orderBy(sql`random()`)
      .limit(VERIFICATIONS_PER_PASS)
      .execute();
    if (rows.length === 0) return [];
    const asked = await db
      .selectFrom("reruns")
      .select(["verification_id", "owner_id", "is_platform", "is_trusted", "outcome"])
      .where(
        "verification_id",
        "in",
        rows.map((row) => row.id),
      )
      .execute();
    return rows.map(({ user_id, quote_id, committed_step, job_id, ...row }) => ({
      drawn: {
        id: row.id,
        lowering: row.lowering,
        build: row.build,
        hardwareClass: row.hardware_class,
        threads: row.threads,
        from: Number(row.from_step),
        to: Number(row.to_step),
        drawnAt: row.drawn_at,
        isHandOver: row.ending_kind === "handed-over",
      },
      job: { id: job_id, user_id, quote_id, committed_step },
      asked: asked
        .filter((one) => one.verification_id === row.id)
        .map((one) => ({
          ownerId: one.owner_id as UserId,
          isPlatform: one.is_platform,
          isTrusted: one.is_trusted,
          outcome: one.outcome as RerunOutcome | null,
        })),
    }));
  }

  /** A unit of which it is known what it computes with, and whether its word decides. */
  #verifierUnit(unit: FleetUnit): FleetUnit & VerifierUnit {
    const isTrusted = unit.isPlatform || unit.successesCounted >= this.#options.establishedSuccesses;
    return { ...unit, build: unit.build ?? "", hardwareClass: unit.hardwareClass ?? "", isTrusted };
  }
}

/** Whether only the audit still asks: nobody contradicted, and one who agreed is trusted. */
function isOnlyAudited(asked: readonly Asked[]): boolean {
  const answers = asked.flatMap(({ isTrusted, outcome }) => (outcome === null ? [] : { isTrusted, outcome }));
  return answers.every(isPositive) && answers.some(({ isTrusted }) => isTrusted);
}

/** Owners who were asked and did not answer: none of their nodes is asked again. The platform is, some times. */
function unwilling(silent: readonly Asked[]): readonly UserId[] {
  const isLost = silent.filter((one) => one.isPlatform).length >= MAX_RERUN_ATTEMPTS;
  return silent.filter((one) => isLost || !one.isPlatform).map((one) => one.ownerId);
}

async function findVerification(transaction: MarketTransaction, id: string): Promise<Verification> {
  const row = await transaction.selectFrom("verifications").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  return defined(readVerification(row), "a verification with a drawn interval");
}
