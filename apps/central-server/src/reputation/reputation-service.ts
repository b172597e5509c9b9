/**
 * The record of nodes: every change of reputation with its evidence, and the penalties that follow from misconduct.
 *
 * What counts and how much is market's (`counts`, `scoreAfter`, `penaltyFor`); this asks the tables for the facts and
 * writes the outcome, in the transaction of what happened. Only changes that count are kept, so the score is what the
 * kept ones add up to. Penalties are in shadow mode: recorded and shown, and nothing is taken.
 */
import type { AssignmentId, JobId, NodeId, UserId } from "@cyxwiz/primitives";
import {
  counts,
  dayOf,
  penaltyFor,
  scoreAfter,
  type PenaltyCause,
  type PenaltyEvent,
  type ReputationChange,
} from "@cyxwiz/market";
import type { Clock } from "@cyxwiz/platform";
import type { Verdict } from "@cyxwiz/receipt";
import { sql } from "kysely";
import type { AssignmentRow } from "../assignments/assignment-state.ts";
import type { MarketTransaction } from "../database/transaction.ts";
import type { JobRow } from "../jobs/job-state.ts";
import { PENALTY_HISTORY_MS } from "./limits.ts";

/** Causes by which a node stops being new. */
const SUCCESSES: ReadonlySet<ReputationChange["cause"]> = new Set(["job-verified", "rerun-confirmed", "canary-passed"]);

type AttemptCause = "attempt-failed" | "attempt-lost" | "timed-out";

/** An answered or ended piece of work, as far as reputation goes. */
interface WorkOf {
  readonly nodeId: NodeId;
  readonly assignmentId: AssignmentId;
}

export class ReputationService {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An attempt ended by the node's fault. */
  async attemptFailed(
    transaction: MarketTransaction,
    job: JobRow,
    { assignment, cause }: { readonly assignment: AssignmentRow; readonly cause: AttemptCause },
  ): Promise<void> {
    const work = { nodeId: assignment.machine_id as NodeId, assignmentId: assignment.id as AssignmentId };
    await this.#recordAttempt(transaction, job, work, cause);
    await transaction
      .updateTable("machines")
      .set((eb) => ({ jobs_failed: eb("jobs_failed", "+", 1) }))
      .where("id", "=", work.nodeId)
      .execute();
    if (cause === "timed-out") await this.#penalise(transaction, job, work, cause);
  }

  /** A job is complete; each node did a piece of it. */
  async jobCompleted(
    transaction: MarketTransaction,
    job: JobRow,
    { nodeIds, verdict }: { readonly nodeIds: readonly NodeId[]; readonly verdict: Verdict },
  ): Promise<void> {
    const cause = verdict === "verified" ? "job-verified" : "job-unverified";
    for (const nodeId of nodeIds) {
      const evidence = await evidenceOf(transaction, job, nodeId);
      await this.#record(transaction, nodeId, { at: this.#clock.now(), cause, evidence });
      await transaction
        .updateTable("machines")
        .set((eb) => ({ jobs_completed: eb("jobs_completed", "+", 1) }))
        .where("id", "=", nodeId)
        .execute();
    }
  }

  /** Two owners contradicted what a node committed. `isSlashable`: bit for bit. */
  async resultRefused(
    transaction: MarketTransaction,
    job: JobRow,
    refused: WorkOf & { readonly isSlashable: boolean },
  ): Promise<void> {
    await this.#recordAttempt(transaction, job, refused, "result-refused");
    if (refused.isSlashable) await this.#penalise(transaction, job, refused, "result-refused");
  }

  /** A verdict is there: who re-ran was on its side, or was contradicted by it. */
  async rerunJudged(
    transaction: MarketTransaction,
    job: JobRow,
    rerun: WorkOf & { readonly isOutvoted: boolean },
  ): Promise<void> {
    await this.#recordAttempt(transaction, job, rerun, rerun.isOutvoted ? "rerun-outvoted" : "rerun-confirmed");
  }

  /** The platform knew the answer to a job, and the node gave it or another one. */
  async canaryAnswered(
    transaction: MarketTransaction,
    job: JobRow,
    {
      nodeId,
      canary,
    }: { readonly nodeId: NodeId; readonly canary: { readonly id: string; readonly isRight: boolean } },
  ): Promise<void> {
    const cause = canary.isRight ? "canary-passed" : "canary-failed";
    const evidence = { canary_id: canary.id, job_id: job.id as JobId };
    await this.#record(transaction, nodeId, { at: this.#clock.now(), cause, evidence });
  }

  async #recordAttempt(
    transaction: MarketTransaction,
    job: JobRow,
    { nodeId, assignmentId }: WorkOf,
    cause: AttemptCause | "result-refused" | "rerun-confirmed" | "rerun-outvoted",
  ): Promise<void> {
    const evidence = { ...(await evidenceOf(transaction, job, nodeId)), assignment_id: assignmentId };
    await this.#record(transaction, nodeId, { at: this.#clock.now(), cause, evidence });
  }

  async #record(transaction: MarketTransaction, nodeId: NodeId, change: ReputationChange): Promise<void> {
    const { reputation } = await transaction
      .selectFrom("machines")
      .select("reputation")
      .where("id", "=", nodeId)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const { at, cause, evidence } = change;
    const facts = {
      isOwnPayer: "payer_id" in evidence && evidence.payer_id === evidence.owner_id,
      isKnown: await isKnown(transaction, nodeId, change),
      rerunsToday: cause === "rerun-confirmed" ? await rerunsOn(transaction, nodeId, at) : 0,
    };
    if (!counts(cause, facts)) return;
    const after = scoreAfter(cause, reputation);
    await transaction
      .insertInto("reputation_receipts")
      .values({
        machine_id: nodeId,
        at: new Date(at),
        cause,
        evidence: JSON.stringify(evidence),
        score_before: reputation,
        score_after: after,
      })
      .execute();
    await transaction
      .updateTable("machines")
      .set((eb) => ({
        reputation: after,
        ...(SUCCESSES.has(cause) && { successes_counted: eb("successes_counted", "+", 1) }),
      }))
      .where("id", "=", nodeId)
      .execute();
  }

  async #penalise(
    transaction: MarketTransaction,
    job: JobRow,
    { nodeId, assignmentId }: WorkOf,
    cause: PenaltyCause,
  ): Promise<void> {
    const at = this.#clock.now();
    const event: PenaltyEvent = { cause, at, job_id: job.id as JobId, assignment_id: assignmentId };
    const earlier = await transaction
      .selectFrom("penalties")
      .select("evidence")
      .where("machine_id", "=", nodeId)
      .where("at", ">", new Date(at - PENALTY_HISTORY_MS))
      .execute();
    const history = earlier.flatMap(({ evidence }) => evidence as unknown as readonly PenaltyEvent[]);
    const { percent, isBan, evidence } = penaltyFor(event, history);
    await transaction
      .insertInto("penalties")
      .values({
        machine_id: nodeId,
        at: new Date(at),
        cause,
        percent,
        is_ban: isBan,
        is_applied: false,
        evidence: JSON.stringify(evidence),
      })
      .execute();
  }
}

async function evidenceOf(
  transaction: MarketTransaction,
  job: JobRow,
  nodeId: NodeId,
): Promise<{ readonly job_id: JobId; readonly payer_id: UserId; readonly owner_id: UserId }> {
  const { owner_id } = await transaction
    .selectFrom("machines")
    .select("owner_id")
    .where("id", "=", nodeId)
    .executeTakeFirstOrThrow();
  return { job_id: job.id as JobId, payer_id: job.user_id as UserId, owner_id: owner_id as UserId };
}

/** Whether the payer, or the canary, raised this node before. */
async function isKnown(transaction: MarketTransaction, nodeId: NodeId, change: ReputationChange): Promise<boolean> {
  const { evidence } = change;
  const [field, value, causes] =
    "canary_id" in evidence
      ? (["canary_id", evidence.canary_id, ["canary-passed"]] as const)
      : (["payer_id", evidence.payer_id, ["job-verified", "rerun-confirmed"]] as const);
  const row = await transaction
    .selectFrom("reputation_receipts")
    .select("id")
    .where("machine_id", "=", nodeId)
    .where("cause", "in", [...causes])
    .where(sql`evidence ->> ${field}`, "=", value)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

async function rerunsOn(transaction: MarketTransaction, nodeId: NodeId, at: number): Promise<number> {
  const { counted } = await transaction
    .selectFrom("reputation_receipts")
    .select(sql<number>`count(*)::int`.as("counted"))
    .where("machine_id", "=", nodeId)
    .where("cause", "=", "rerun-confirmed")
    .where("at", ">=", new Date(dayOf(at) * DAY_MS))
    .executeTakeFirstOrThrow();
  return counted;
}

const DAY_MS = 86_400_000;
