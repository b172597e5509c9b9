/**
 * A user's commands on jobs: submit, cancel, delete. Each is safe to repeat; a repeated one gives the first answer.
 */
import { AppError, type AssignmentId, type JobId, type NodeId, type QuoteId, type UserId } from "@cyxwiz/primitives";
import type { Logger } from "@cyxwiz/platform";
import { lockLiveOf } from "../assignments/assignment-state.ts";
import type { LiveAssignments } from "../assignments/live-assignments.ts";
import type { TaskStreams } from "../assignments/task-streams.ts";
import {
  inTransaction,
  violatedUnique,
  type MarketTransaction,
  type TransactionContext,
} from "../database/transaction.ts";
import type { EscrowService } from "../payments/escrow-service.ts";
import { QUOTE_ERRORS } from "../quotes/quote-errors.ts";
import { toQuoteRecord, type QuoteRecord } from "../quotes/quote-record.ts";
import { JOB_ERRORS } from "./job-errors.ts";
import { HIDDEN_EVENT } from "./job-query.ts";
import type { JobSignals } from "./job-signals.ts";
import { isEnded, lockJob, noteJobEvent, type JobRow } from "./job-state.ts";
import type { LiveProgress } from "./live-progress.ts";
import { newId } from "./new-id.ts";
import type { JobEndings } from "./settlement-service.ts";
import { SubmissionBatch, type Submission } from "./submission-batch.ts";
import { insertSubmitted } from "./submitted-jobs.ts";

export interface JobServiceOptions extends TransactionContext {
  readonly escrows: Pick<EscrowService, "lock" | "lockPlain">;
  readonly endings: JobEndings;
  readonly signals: JobSignals;
  readonly streams: TaskStreams;
  readonly live: LiveAssignments;
  readonly progress: LiveProgress;
  readonly wakeScheduler: () => void;
  readonly logger: Logger;
}

export interface Cancellation {
  readonly userId: UserId;
  readonly jobId: JobId;
  readonly reason: string | undefined;
  readonly keepModel: boolean;
}

export class JobService {
  readonly #options: JobServiceOptions;
  readonly #batch: SubmissionBatch;

  constructor(options: JobServiceOptions) {
    this.#options = options;
    this.#batch = new SubmissionBatch(options);
  }

  /**
   * Locks the quote's amount and walks the job CREATED → QUEUED → ESCROWED, all in one transaction.
   *
   * @throws AppError `central/quote-not-found`, `central/quote-expired`, `central/job-id-taken`,
   * `central/submission-capacity-exceeded`, `market/insufficient-funds`; nothing is locked then.
   */
  async submit(submission: Submission): Promise<JobId> {
    const batched = await this.#batch.submit(submission);
    if (batched === undefined) return this.#submitAlone(submission);
    this.#submitted(batched);
    return batched;
  }

  /**
   * Stops a job. One that a node holds is told to stop; a model that is to be kept is waited for, at most
   * `CANCEL_GRACE_MS`, else the job ends at once.
   *
   * @throws AppError `central/job-not-found`, `central/job-already-ended`, `central/job-in-verification`.
   */
  async cancel({ userId, jobId, reason, keepModel }: Cancellation): Promise<void> {
    const { endings, signals, streams, live, progress, wakeScheduler } = this.#options;
    const told = reason ? `cancelled by its user: ${reason}` : "cancelled by its user";
    const held = await inTransaction(this.#options, async (transaction) => {
      const job = await ownJob(transaction, jobId, userId);
      if (isEnded(job.state)) throw new AppError(JOB_ERRORS.JOB_ALREADY_ENDED, { jobId, state: job.state });
      if (job.state === "VERIFYING") throw new AppError(JOB_ERRORS.JOB_IN_VERIFICATION, { jobId });
      const attempt = await lockLiveOf(transaction, jobId);
      if (attempt?.state === "RUNNING" && keepModel && streams.has(attempt.machine_id as NodeId)) {
        await this.#requestCancel(transaction, job, told);
        return { attempt, hasEnded: false };
      }
      await endings.end(transaction, job, { kind: "cancelled", reason: told });
      return { attempt, hasEnded: true };
    });
    const { attempt, hasEnded } = held;
    if (attempt) {
      const value = { assignmentId: attempt.id, fencingToken: attempt.fencing_token, reason: told, keepModel };
      streams.send(attempt.machine_id as NodeId, { case: "cancel", value });
      if (hasEnded) live.forget(attempt.id as AssignmentId);
    }
    if (hasEnded) {
      progress.forget(jobId);
      endings.committed();
      wakeScheduler();
    }
    signals.changed(jobId);
  }

  /** Hides an ended job from its user's lists. What was paid stays on record. */
  async delete(jobId: JobId, userId: UserId): Promise<void> {
    await inTransaction(this.#options, async (transaction) => {
      const job = await ownJob(transaction, jobId, userId);
      if (!isEnded(job.state)) throw new AppError(JOB_ERRORS.JOB_NOT_ENDED, { jobId, state: job.state });
      await noteJobEvent(transaction, jobId, { kind: HIDDEN_EVENT, at: this.#now(), message: "deleted by its user" });
    });
    this.#options.signals.changed(jobId);
  }

  async #submitAlone(submission: Submission): Promise<JobId> {
    try {
      return await this.#submitOnce(submission);
    } catch (error) {
      // The same submission came twice at once: the other one won, and its answer is there now.
      if (violatedUnique(error) === undefined) throw error;
      return this.#submitOnce(submission);
    }
  }

  async #submitOnce(submission: Submission): Promise<JobId> {
    const { userId, quoteId } = submission;
    const submitted = await inTransaction(this.#options, async (transaction) => {
      const quote = await ownQuote(transaction, quoteId, userId);
      const first = await firstSubmission(transaction, submission);
      if (first) return { jobId: first, isNew: false };
      if (quote.expiresAt.getTime() <= this.#options.clock.now()) {
        throw new AppError(QUOTE_ERRORS.QUOTE_EXPIRED, { quoteId, expiredAt: quote.expiresAt.toISOString() });
      }
      return { jobId: await this.#create(transaction, submission, quote), isNew: true };
    });
    if (submitted.isNew) this.#submitted(submitted.jobId);
    return submitted.jobId;
  }

  #submitted(jobId: JobId): void {
    this.#options.wakeScheduler();
    this.#options.signals.changed(jobId);
  }

  async #create(transaction: MarketTransaction, submission: Submission, quote: QuoteRecord): Promise<JobId> {
    const jobId = submission.jobId ?? (newId(this.#options.random) as JobId);
    const job = {
      jobId,
      userId: submission.userId,
      quoteId: quote.id,
      name: quote.name,
      totalSteps: BigInt(quote.totalSteps),
      totalEpochs: quote.settings.epochs,
    };
    await insertSubmitted(transaction, [job], this.#now());
    await this.#options.escrows.lock(transaction, {
      quoteId: quote.id,
      payer: submission.userId,
      amount: quote.amount,
    });
    return jobId;
  }

  async #requestCancel(transaction: MarketTransaction, job: JobRow, message: string): Promise<void> {
    if (job.cancel_keep_model !== null) return;
    await transaction.updateTable("jobs").set({ cancel_keep_model: true }).where("id", "=", job.id).execute();
    await noteJobEvent(transaction, job.id as JobId, { kind: CANCEL_REQUESTED, at: this.#now(), message });
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** The history's line from which a node has `CANCEL_GRACE_MS` to hand over the model. */
export const CANCEL_REQUESTED = "cancel-requested";

/** The job that this quote or this job id already made; undefined for a first submission. */
async function firstSubmission(
  transaction: MarketTransaction,
  { userId, quoteId, jobId }: Submission,
): Promise<JobId | undefined> {
  const known = await transaction
    .selectFrom("jobs")
    .select(["id", "user_id", "quote_id"])
    .where((eb) => eb.or([eb("quote_id", "=", quoteId), ...(jobId ? [eb("id", "=", jobId)] : [])]))
    .execute();
  const isOther = known.some((job) => job.user_id !== userId || job.quote_id !== quoteId);
  if (isOther && jobId) throw new AppError(JOB_ERRORS.JOB_ID_TAKEN, { jobId });
  return known[0]?.id as JobId | undefined;
}

async function ownQuote(transaction: MarketTransaction, quoteId: QuoteId, userId: UserId): Promise<QuoteRecord> {
  const row = await transaction
    .selectFrom("quotes")
    .selectAll()
    .where("id", "=", quoteId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  if (!row) throw new AppError(QUOTE_ERRORS.QUOTE_NOT_FOUND, { quoteId });
  return toQuoteRecord(row);
}

async function ownJob(transaction: MarketTransaction, jobId: JobId, userId: UserId): Promise<JobRow> {
  const job = await lockJob(transaction, jobId);
  if (!job || job.user_id !== userId) throw new AppError(JOB_ERRORS.JOB_NOT_FOUND, { jobId });
  return job;
}
