/**
 * What a user changes while a job runs: learning rate, batch size, stop.
 *
 * A change comes under the user's token and is countersigned with the market's key, so that a receipt proves it; the node
 * that trains applies it between two steps and says after which. It waits while no node has the job, and waits again
 * when the attempt that applied it is lost before its next checkpoint.
 */
import { AppError, isUuid, type JobId, type NodeId, type UserId } from "@cyxwiz/primitives";
import { compile, openGraphFile } from "@cyxwiz/graph";
import type { ChangeJobRequest } from "@cyxwiz/protocol/rest";
import { changeText, type ReceiptSigner } from "@cyxwiz/receipt";
import type { Selectable } from "kysely";
import { ASSIGNMENT_ERRORS } from "../assignments/assignment-errors.ts";
import { checkStep, requireKind, stopOf } from "../assignments/assignment-service.ts";
import { lockLive, lockLiveOf } from "../assignments/assignment-state.ts";
import type { AssignmentClaim, LiveAssignment, LiveAssignments } from "../assignments/live-assignments.ts";
import type { ServerMessageBody, TaskStreams } from "../assignments/task-streams.ts";
import type { JobChangesTable } from "../database/schema.ts";
import { inTransaction, type MarketTransaction, type TransactionContext } from "../database/transaction.ts";
import { quoteOf, type QuoteRecord } from "../quotes/quote-record.ts";
import { returnChanges } from "../verification/refusals.ts";
import { JOB_ERRORS } from "./job-errors.ts";
import type { JobSignals } from "./job-signals.ts";
import { isEnded, lockJob, noteJobEvent } from "./job-state.ts";
import { MAX_CHANGES } from "./limits.ts";
import { newId } from "./new-id.ts";

export interface JobChangesOptions extends TransactionContext {
  readonly live: LiveAssignments;
  readonly streams: TaskStreams;
  readonly signals: JobSignals;
  readonly signer: ReceiptSigner;
}

export interface AskedChange {
  readonly jobId: JobId;
  readonly userId: UserId;
  readonly change: ChangeJobRequest;
}

type ChangeRow = Selectable<JobChangesTable>;
type ApplyChange = Extract<ServerMessageBody, { case: "change" }>["value"];
type LiveChange = NonNullable<ApplyChange["change"]>;

export class JobChanges {
  readonly #options: JobChangesOptions;

  constructor(options: JobChangesOptions) {
    this.#options = options;
  }

  /**
   * Takes a change and hands it to the node that has the job, if one does.
   *
   * @throws AppError `central/job-not-found`, `central/job-already-ended`, `central/job-in-verification`,
   * `central/batch-size-not-a-divisor`, `graph/batch-size-too-small`, `central/changes-exceeded`.
   */
  async ask({ jobId, userId, change }: AskedChange): Promise<void> {
    const { streams, signals } = this.#options;
    if (change.batch_size !== undefined) await this.#checkBatch({ jobId, userId }, change.batch_size);
    const asked = await inTransaction(this.#options, async (transaction) => {
      const job = await lockJob(transaction, jobId);
      if (job?.user_id !== userId) throw new AppError(JOB_ERRORS.JOB_NOT_FOUND, { jobId });
      if (isEnded(job.state)) throw new AppError(JOB_ERRORS.JOB_ALREADY_ENDED, { jobId, state: job.state });
      if (job.state === "VERIFYING") throw new AppError(JOB_ERRORS.JOB_IN_VERIFICATION, { jobId });
      const at = await this.#timeOfNext(transaction, jobId);
      const row = await this.#insert(transaction, jobId, { change, at });
      const attempt = await lockLiveOf(transaction, jobId);
      return { row, attempt };
    });
    const { row, attempt } = asked;
    if (attempt) {
      const value = { assignmentId: attempt.id, fencingToken: attempt.fencing_token, change: toLiveChange(row) };
      streams.send(attempt.machine_id as NodeId, { case: "change", value });
    }
    signals.changed(jobId);
  }

  /** Compiles the graph, so it is done before the job is locked. */
  async #checkBatch({ jobId, userId }: Pick<AskedChange, "jobId" | "userId">, batchSize: number): Promise<void> {
    const { db } = this.#options;
    const job = await db
      .selectFrom("jobs")
      .select("quote_id")
      .where("id", "=", jobId)
      .where("user_id", "=", userId)
      .executeTakeFirst();
    if (!job) throw new AppError(JOB_ERRORS.JOB_NOT_FOUND, { jobId });
    checkBatch(batchSize, await quoteOf(db, job));
  }

  /** The node applied a change after this step. Again: nothing changes. */
  async applied(
    claim: AssignmentClaim,
    { changeId, step }: { readonly changeId: string; readonly step: bigint },
  ): Promise<void> {
    const live = await this.#options.live.require(claim);
    requireKind(live, "change", "TRAIN");
    const { jobId } = live;
    await inTransaction(this.#options, async (transaction) => {
      const job = await lockJob(transaction, jobId);
      await lockLive(transaction, live.assignmentId);
      const change = isUuid(changeId) ? await findChange(transaction, jobId, changeId) : undefined;
      if (!job || !change) throw new AppError(ASSIGNMENT_ERRORS.CHANGE_NOT_FOUND, { jobId, changeId });
      if (change.applied_step === step) return;
      if (change.applied_step !== null) {
        throw new AppError(ASSIGNMENT_ERRORS.CHANGE_APPLIED, { changeId, step: String(change.applied_step) });
      }
      // A stop is the last change: nothing takes effect after it.
      const stop = await stopOf(transaction, jobId);
      if (stop !== undefined) {
        const allowed = `none, the job ends after step ${stop}`;
        throw new AppError(ASSIGNMENT_ERRORS.STEP_INVALID, { step: String(step), allowed });
      }
      checkStep(step, job.committed_step, job.total_steps);
      await transaction
        .updateTable("job_changes")
        .set({ applied_step: step, applied_by: live.assignmentId })
        .where("id", "=", changeId)
        .execute();
      const message = `${describe(change)}, from step ${step + 1n} on`;
      await noteJobEvent(transaction, jobId, { kind: "change-applied", at: this.#now(), message });
    });
    this.#options.live.extend(live.assignmentId);
    this.#options.signals.changed(jobId);
  }

  /** The changes that wait for an attempt, as messages to its node. */
  async waiting({ jobId, kind, assignmentId, fencingToken }: LiveAssignment): Promise<readonly ApplyChange[]> {
    if (kind !== "TRAIN") return [];
    const rows = await this.#options.db
      .selectFrom("job_changes")
      .selectAll()
      .where("job_id", "=", jobId)
      .where("applied_step", "is", null)
      .orderBy("requested_at")
      .orderBy("id")
      .execute();
    return rows.map((row) => ({ assignmentId, fencingToken, change: toLiveChange(row) }));
  }

  /** The node lost what it had done since the last checkpoint: changes that took effect since then wait again. */
  async returned({ jobId, kind }: LiveAssignment): Promise<void> {
    if (kind !== "TRAIN") return;
    await inTransaction(this.#options, async (transaction) => {
      const job = await lockJob(transaction, jobId);
      if (job) await returnChanges(transaction, jobId, Number(job.committed_step));
    });
  }

  async #insert(
    transaction: MarketTransaction,
    jobId: JobId,
    { change, at }: { readonly change: ChangeJobRequest; readonly at: Date },
  ): Promise<ChangeRow> {
    const { random, signer } = this.#options;
    const asked = {
      change_id: newId(random),
      learning_rate: change.learning_rate ?? null,
      batch_size: change.batch_size ?? null,
      stop: change.stop ?? false,
    };
    const { change_id: id, ...values } = asked;
    const row = await transaction
      .insertInto("job_changes")
      .values({ id, job_id: jobId, ...values, signature: signer.sign(changeText(jobId, asked)), requested_at: at })
      .returningAll()
      .executeTakeFirstOrThrow();
    await noteJobEvent(transaction, jobId, { kind: "change-requested", at, message: `asked for ${describe(row)}` });
    return row;
  }

  /** Later than every change before, because their order is that of these times, also for the node's chain. */
  async #timeOfNext(transaction: MarketTransaction, jobId: JobId): Promise<Date> {
    const rows = await transaction
      .selectFrom("job_changes")
      .select("requested_at")
      .where("job_id", "=", jobId)
      .orderBy("requested_at", "desc")
      .execute();
    if (rows.length >= MAX_CHANGES) throw new AppError(JOB_ERRORS.CHANGES_EXCEEDED, { jobId, allowed: MAX_CHANGES });
    const latest = rows[0]?.requested_at.getTime() ?? -Infinity;
    return new Date(Math.max(this.#options.clock.now(), latest + 1));
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** A change as it goes to a node. */
export function toLiveChange({ id, applied_step, learning_rate, batch_size, stop, signature }: ChangeRow): LiveChange {
  return {
    changeId: id,
    stop,
    signature,
    ...(applied_step !== null && { step: applied_step }),
    ...(learning_rate !== null && { learningRate: learning_rate }),
    ...(batch_size !== null && { batchSize: batch_size }),
  };
}

/**
 * A smaller batch keeps a step what it was quoted for: the same samples, in several updates. One that the graph cannot be
 * trained with is refused here: later it would be a failure between two steps, which no re-run could confirm.
 */
function checkBatch(asked: number, { settings, graph, dataset }: QuoteRecord): void {
  const own = settings.batch_size;
  if (asked > own || own % asked !== 0) {
    const divisors = Array.from({ length: own }, (_, index) => index + 1).filter((size) => own % size === 0);
    throw new AppError(JOB_ERRORS.BATCH_NOT_DIVISOR, { asked, own, allowed: divisors.slice(-12) });
  }
  compile(openGraphFile(graph).graph, { batchSize: asked, sampleShape: dataset.sample_shape, stepsPerRun: 1 });
}

async function findChange(
  transaction: MarketTransaction,
  jobId: JobId,
  changeId: string,
): Promise<ChangeRow | undefined> {
  return transaction
    .selectFrom("job_changes")
    .selectAll()
    .where("id", "=", changeId)
    .where("job_id", "=", jobId)
    .forUpdate()
    .executeTakeFirst();
}

function describe({ learning_rate, batch_size, stop }: ChangeRow): string {
  return [
    ...(learning_rate === null ? [] : [`learning rate ${learning_rate}`]),
    ...(batch_size === null ? [] : [`batch size ${batch_size}`]),
    ...(stop ? ["an early end"] : []),
  ].join(", ");
}
