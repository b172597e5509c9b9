/**
 * What a refused result costs: the node's steps are not paid and are done again by somebody else.
 *
 * Everything that was built on the refused steps goes with them, from the step at which the refused attempt began. A
 * refused blame ("the job is at fault") takes nothing back: the steps before it stand until the job's own check.
 */
import type { AssignmentId, NodeId, UserId } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import type { Mismatch } from "@cyxwiz/receipt";
import type { MarketTransaction } from "../database/transaction.ts";
import { moveJob, type JobRow } from "../jobs/job-state.ts";
import { MAX_RETRIES } from "../jobs/limits.ts";
import { NO_PROGRESS } from "../jobs/live-progress.ts";
import type { SettlementService } from "../jobs/settlement-service.ts";
import type { ReputationService } from "../reputation/reputation-service.ts";
import { segmentsOf } from "./job-chain.ts";
import type { JobFailure } from "./job-ending.ts";
import type { Verification } from "./rerun-task.ts";

export interface RefusalOptions {
  readonly clock: Clock;
  readonly settlements: SettlementService;
  readonly reputation: ReputationService;
}

export class Refusals {
  readonly #options: RefusalOptions;

  constructor(options: RefusalOptions) {
    this.#options = options;
  }

  /** Takes refused work back from a locked job in VERIFYING: it is ended without it, or waits for another node. */
  async refuse(
    transaction: MarketTransaction,
    job: JobRow,
    { verification, isSlashable }: { readonly verification: Verification; readonly isSlashable: boolean },
  ): Promise<void> {
    const work = await refusedWork(transaction, job, verification);
    const { nodeId, assignmentId, isContested } = work;
    const refused = { nodeId, assignmentId, isSlashable: isSlashable && !isContested };
    await this.#options.reputation.resultRefused(transaction, job, refused);
    await this.#takeBack(transaction, job, { verification, work, verdict: "refused", message: REFUSED });
  }

  /** As `refuse`, without any fault: nobody could say who is right, so somebody else does the steps again. */
  async redo(transaction: MarketTransaction, job: JobRow, verification: Verification): Promise<void> {
    const work = await refusedWork(transaction, job, verification);
    await this.#takeBack(transaction, job, { verification, work, verdict: "unverified", message: CONTESTED });
  }

  async #takeBack(
    transaction: MarketTransaction,
    job: JobRow,
    taken: {
      readonly verification: Verification;
      readonly work: RefusedWork;
      readonly verdict: "refused" | "unverified";
      readonly message: string;
    },
  ): Promise<void> {
    const { verification, work, verdict, message } = taken;
    const { ending, row } = verification;
    const kept = await takeBack(transaction, job, work.step);
    if (ending.kind === "cancelled") {
      // A receipt shows a verdict with its re-runs, and there is none for work that stays undecided.
      const verificationId = verdict === "refused" ? row.id : undefined;
      await this.#options.settlements.settle(transaction, kept, { ending, verdict, verificationId });
      return;
    }
    const failure: JobFailure = { blame: "node", code: "central/result-refused", message };
    // An attempt that was lost before its steps were looked at was counted when it was lost.
    const attempts = job.attempts + (ending.kind === "handed-over" ? 0 : 1);
    if (attempts > MAX_RETRIES) {
      const text = `${message}; ${attempts} attempts were lost, and everything is refunded`;
      const failed = { kind: "failed", failure: { ...failure, message: text } } as const;
      await this.#options.settlements.settle(transaction, kept, { ending: failed, verdict });
      return;
    }
    const owner = await ownerOf(transaction, work.nodeId);
    await moveJob(transaction, kept, {
      event: "result-refused",
      at: new Date(this.#options.clock.now()),
      message: `${message}; its steps after ${work.step} are not paid and are done again by another owner`,
      also: {
        attempts,
        placement: null,
        result: null,
        failure: JSON.stringify(failure),
        progress: JSON.stringify({ ...NO_PROGRESS, step: work.step }),
        banned_owners: [...new Set([...job.banned_owners, owner])],
      },
    });
  }
}

const REFUSED = "two re-runs by different owners disagreed with what the node committed";
const CONTESTED = "a re-run contradicts what the node committed, and nobody else could decide";

/** Whose work is refused, and the step after which it is taken back. */
interface RefusedWork {
  readonly nodeId: NodeId;
  readonly assignmentId: AssignmentId;
  readonly step: number;
  /** The re-runs contradict each other in whose fault it is. */
  readonly isContested: boolean;
}

/**
 * Where only the model differs, it is the work of the attempt that delivered it, whoever computed the steps that were
 * drawn; else it is that of the attempt that computed them.
 */
async function refusedWork(
  transaction: MarketTransaction,
  job: JobRow,
  { row, chain, from, to }: Verification,
): Promise<RefusedWork> {
  const last = await transaction
    .selectFrom("assignments")
    .select(["id", "machine_id"])
    .where("id", "=", row.assignment_id)
    .executeTakeFirst();
  const delivered = last && { nodeId: last.machine_id as NodeId, assignmentId: last.id as AssignmentId };
  const segments = segmentsOf(chain);
  if (delivered && row.subject === "failure") {
    return { ...delivered, step: Number(job.committed_step), isContested: false };
  }
  const faults = await faultsOf(transaction, row.id);
  if (delivered && faults.every((fault) => fault === "model")) {
    const own = segments.at(-1);
    const step = own?.entry.node_id === delivered.nodeId ? own.from : Number(job.committed_step);
    return { ...delivered, step, isContested: false };
  }
  return {
    nodeId: row.machine_id as NodeId,
    assignmentId: await committerOf(transaction, job, to),
    step: segments.findLast((segment) => segment.from <= from)?.from ?? 0,
    isContested: faults.includes("model"),
  };
}

/** What each negative answer says is wrong. */
async function faultsOf(
  transaction: MarketTransaction,
  verificationId: string,
): Promise<readonly ("model" | "steps")[]> {
  const rows = await transaction
    .selectFrom("reruns")
    .select("reasons")
    .where("verification_id", "=", verificationId)
    .where("outcome", "in", ["disagrees", "implausible"])
    .execute();
  return rows.map(({ reasons }) => {
    const named = reasons as readonly Mismatch[];
    return named.length > 0 && named.every((name) => name === "onnx" || name === "weights") ? "model" : "steps";
  });
}

/** The attempt that committed a step. */
async function committerOf(transaction: MarketTransaction, job: JobRow, step: number): Promise<AssignmentId> {
  const checkpoint = await transaction
    .selectFrom("checkpoints")
    .select("assignment_id")
    .where("job_id", "=", job.id)
    .where("step", "=", BigInt(step))
    .executeTakeFirstOrThrow();
  return checkpoint.assignment_id as AssignmentId;
}

/** The job as it was at a step: later checkpoints are gone, and changes that took effect since wait again. */
async function takeBack(transaction: MarketTransaction, job: JobRow, step: number): Promise<JobRow> {
  await returnChanges(transaction, job.id, step);
  if (Number(job.committed_step) <= step) return job;
  await transaction.deleteFrom("checkpoints").where("job_id", "=", job.id).where("step", ">", BigInt(step)).execute();
  return transaction
    .updateTable("jobs")
    .set({ committed_step: BigInt(step), ...(step === 0 && { initial_sha256: null }) })
    .where("id", "=", job.id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Changes that took effect at or after a step wait again: what followed them is not counted. */
export async function returnChanges(transaction: MarketTransaction, jobId: string, step: number): Promise<void> {
  await transaction
    .updateTable("job_changes")
    .set({ applied_step: null, applied_by: null })
    .where("job_id", "=", jobId)
    .where("applied_step", ">=", BigInt(step))
    .execute();
}

async function ownerOf(transaction: MarketTransaction, nodeId: NodeId): Promise<UserId> {
  const row = await transaction
    .selectFrom("machines")
    .select("owner_id")
    .where("id", "=", nodeId)
    .executeTakeFirstOrThrow();
  return row.owner_id as UserId;
}
