/**
 * Finds nodes for re-runs: part of each pass of the scheduler, before new jobs take the free units.
 *
 * A unit of the same class as the one under test is waited for; after that any unit that runs the lowering will do, and
 * after as long again the job ends as unverified. The choice is market's (`chooseVerifier`), with secret randomness.
 */
import { defined, type AssignmentId, type JobId, type NodeId } from "@cyxwiz/primitives";
import { chooseVerifier, verifierPay, type ChosenVerifier, type VerifierUnit } from "@cyxwiz/market";
import { judgeWithout } from "@cyxwiz/receipt";
import { offerAssignment } from "../assignments/assignment-offer.ts";
import { inTransaction, type TransactionContext } from "../database/transaction.ts";
import type { JobSignals } from "../jobs/job-signals.ts";
import { lockJob, noteJobEvent, type JobRow } from "../jobs/job-state.ts";
import { newId } from "../jobs/new-id.ts";
import { quoteOf, type QuoteRecord } from "../quotes/quote-record.ts";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import type { Placed } from "../scheduling/place-job.ts";
import { involvedOwners } from "./independence.ts";
import { HANDOVER_WAIT_MS, MAX_RERUN_ATTEMPTS, VERIFICATIONS_PER_PASS } from "./limits.ts";
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
}

/** A drawn verification with its job. */
interface Open {
  readonly verification: Verification;
  readonly job: Pick<JobRow, "id" | "user_id" | "quote_id" | "committed_step">;
  /** Nodes that were asked and gave no answer. */
  readonly asked: readonly NodeId[];
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

  /** Asks a node for each re-run that is due and has none. */
  async pass(readFleet: () => Promise<readonly FleetUnit[]>): Promise<VerifierPass> {
    const open = await this.#open();
    const placed: Placed[] = [];
    let waiting = 0;
    for (const one of open) {
      // Read anew each time: the one before took a unit.
      const made = await this.#place(one, await readFleet());
      if (made === "waits") waiting++;
      else if (made) placed.push(made);
    }
    return { placed, waiting };
  }

  async #place(open: Open, fleet: readonly FleetUnit[]): Promise<Placed | "waits" | undefined> {
    const { clock, secureRandom } = this.#options;
    const { verification, job, asked } = open;
    const waitMs = verification.ending.kind === "handed-over" ? HANDOVER_WAIT_MS / 2 : this.#options.waitMs;
    const { row } = verification;
    const waitedMs = clock.now() - row.drawn_at.getTime();
    const quote = await quoteOf(this.#options.db, job);
    const demand = {
      needs: quote.cost.needs,
      lowering: row.lowering ?? "",
      build: row.build ?? "",
      hardwareClass: row.hardware_class ?? "",
      excludedOwners: await involvedOwners(this.#options.db, job, verification),
      excludedNodes: new Set(asked),
      isCrossClassAllowed: waitedMs >= waitMs,
    };
    const chosen =
      asked.length < MAX_RERUN_ATTEMPTS ? chooseVerifier(fleet.map(verifierUnit), demand, secureRandom) : undefined;
    if (chosen) return (await this.#ask(open, quote, chosen)) ?? "waits";
    if (waitedMs < 2 * waitMs && asked.length < MAX_RERUN_ATTEMPTS) return "waits";
    await this.#giveUp(open);
    return undefined;
  }

  async #ask(
    { verification, job }: Open,
    quote: QuoteRecord,
    { unit, mode }: ChosenVerifier<FleetUnit & VerifierUnit>,
  ): Promise<Placed | undefined> {
    const { clock, random, maxJobsPerNode, signals } = this.#options;
    const { row, from, to } = verification;
    const jobId = job.id as JobId;
    const id = newId(random) as AssignmentId;
    const at = new Date(clock.now());
    const pay = verifierPay({
      quoted: quote.amount,
      totalSteps: quote.totalSteps,
      committedSteps: Number(job.committed_step),
      intervalSteps: to - from,
    });
    const offered = await inTransaction(this.#options, async (transaction) => {
      const locked = await lockJob(transaction, jobId);
      if (locked?.state !== "VERIFYING") return false;
      const offer = { id, jobId, kind: "VERIFY", unit, fromStep: BigInt(from), maxJobsPerNode, at } as const;
      if (!(await offerAssignment(transaction, offer))) return false;
      await transaction
        .insertInto("reruns")
        .values({
          assignment_id: id,
          verification_id: row.id,
          unit_id: unit.unitId,
          machine_id: unit.nodeId,
          owner_id: unit.ownerId,
          is_platform: unit.isPlatform,
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

  /** Nobody else can re-run it. */
  async #giveUp({ verification, job }: Open): Promise<void> {
    const { verifications, signals } = this.#options;
    const jobId = job.id as JobId;
    await inTransaction(this.#options, async (transaction) => {
      const locked = defined(await lockJob(transaction, jobId), "the job of a verification");
      if (locked.state !== "VERIFYING") return;
      const verdict = judgeWithout(await answersOf(transaction, verification.row.id));
      await verifications.conclude(transaction, locked, verification.row, { verdict, isSlashable: false });
    });
    verifications.committed();
    signals.changed(jobId);
  }

  async #open(): Promise<readonly Open[]> {
    const { db } = this.#options;
    const rows = await db
      .selectFrom("verifications")
      .innerJoin("jobs", "jobs.id", "verifications.job_id")
      .selectAll("verifications")
      .select(["jobs.user_id", "jobs.quote_id", "jobs.committed_step"])
      .where("verifications.decided_at", "is", null)
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
      .orderBy("verifications.drawn_at")
      .limit(VERIFICATIONS_PER_PASS)
      .execute();
    if (rows.length === 0) return [];
    const unanswered = await db
      .selectFrom("reruns")
      .select(["verification_id", "machine_id"])
      .where(
        "verification_id",
        "in",
        rows.map((row) => row.id),
      )
      .where("outcome", "is", null)
      .execute();
    return rows.flatMap(({ user_id, quote_id, committed_step, ...row }) => {
      const verification = readVerification(row);
      const asked = unanswered.filter((one) => one.verification_id === row.id).map((one) => one.machine_id as NodeId);
      return verification ? [{ verification, job: { id: row.job_id, user_id, quote_id, committed_step }, asked }] : [];
    });
  }
}

/** A unit of which it is known what it computes with. */
function verifierUnit(unit: FleetUnit): FleetUnit & VerifierUnit {
  return { ...unit, build: unit.build ?? "", hardwareClass: unit.hardwareClass ?? "" };
}
