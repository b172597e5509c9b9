/**
 * Group commit of submissions: what arrives while one transaction is under way shares the next.
 *
 * A batch takes only plain submissions: the caller's own quote, not expired, not submitted before, and money for it. Any
 * other is left for a transaction of its own, which knows every case and says what is wrong; so is each member of a batch
 * that failed. A batch thus never answers for a member what that member would not be answered alone, only sooner.
 *
 * The method is that of databases' group commit (DeWitt et al., 1984, "Implementation Techniques for Main Memory Database
 * Systems"), a level higher: statements are shared too, not only the write to disk. No timer: a batch is what has come.
 */
import { AppError, amount, errorMessage, type JobId, type QuoteId, type UserId } from "@cyxwiz/primitives";
import type { Logger } from "@cyxwiz/platform";
import { sql } from "kysely";
import { inTransaction, type MarketTransaction, type TransactionContext } from "../database/transaction.ts";
import type { EscrowService } from "../payments/escrow-service.ts";
import { JOB_ERRORS } from "./job-errors.ts";
import { MAX_SUBMISSIONS_WAITING, SUBMISSIONS_PER_BATCH } from "./limits.ts";
import { newId } from "./new-id.ts";
import { insertSubmitted } from "./submitted-jobs.ts";

export interface Submission {
  readonly userId: UserId;
  readonly quoteId: QuoteId;
  /** Chosen by the caller to make the call repeatable. */
  readonly jobId: JobId | undefined;
}

export interface SubmissionBatchOptions extends TransactionContext {
  readonly escrows: Pick<EscrowService, "lockPlain">;
  readonly logger: Logger;
}

interface Waiting {
  readonly submission: Submission;
  readonly answer: (jobId: JobId | undefined) => void;
}

export class SubmissionBatch {
  readonly #options: SubmissionBatchOptions;
  readonly #waiting: Waiting[] = [];
  #isUnderWay = false;

  constructor(options: SubmissionBatchOptions) {
    this.#options = options;
  }

  /**
   * The job that a batch made of it, committed; undefined when nothing was done and it needs a transaction of its own.
   *
   * @throws AppError `central/submission-capacity-exceeded`
   */
  async submit(submission: Submission): Promise<JobId | undefined> {
    if (this.#waiting.length >= MAX_SUBMISSIONS_WAITING) {
      throw new AppError(JOB_ERRORS.SUBMISSION_CAPACITY_EXCEEDED, { waiting: this.#waiting.length });
    }
    const { promise, resolve } = Promise.withResolvers<JobId | undefined>();
    this.#waiting.push({ submission, answer: resolve });
    if (!this.#isUnderWay) void this.#work();
    return promise;
  }

  /** One batch after the other, until nobody waits. */
  async #work(): Promise<void> {
    this.#isUnderWay = true;
    // What was sent in the same turn comes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, SUBMISSIONS_PER_BATCH);
      const made = await this.#submitPlain(batch.map((one) => one.submission));
      for (const { submission, answer } of batch) answer(made.get(submission));
    }
    this.#isUnderWay = false;
  }

  async #submitPlain(submissions: readonly Submission[]): Promise<ReadonlyMap<Submission, JobId>> {
    const asked = firstOfEach(submissions);
    try {
      return await inTransaction(this.#options, async (transaction) => this.#createPlain(transaction, asked));
    } catch (error) {
      // Nothing of it happened. Alone, the member that failed it gets the reason and the others their jobs.
      this.#options.logger.warn("a batch of submissions failed; each is tried alone", {
        submissions: submissions.length,
        error: errorMessage(error),
      });
      return new Map();
    }
  }

  async #createPlain(
    transaction: MarketTransaction,
    submissions: readonly Submission[],
  ): Promise<ReadonlyMap<Submission, JobId>> {
    const { clock, random, escrows } = this.#options;
    const at = new Date(clock.now());
    const quotes = await readPlainQuotes(transaction, submissions, at);
    // In the order of arrival: who came first is paid for first.
    const plain = submissions.flatMap((submission) => {
      const quote = quotes.get(submission.quoteId);
      return quote ? [{ submission, quote, jobId: submission.jobId ?? (newId(random) as JobId) }] : [];
    });
    const payable = plain.map(({ submission: { quoteId, userId }, quote }) => ({
      quoteId,
      payer: userId,
      amount: amount(quote.amount),
    }));
    if (payable.length === 0) return new Map();
    const locked = await escrows.lockPlain(transaction, payable);
    const made = plain.filter(({ submission }) => locked.has(submission.quoteId));
    const jobs = made.map(({ submission: { userId, quoteId }, quote, jobId }) => ({
      jobId,
      userId,
      quoteId,
      name: quote.name,
      totalSteps: quote.total_steps,
      totalEpochs: quote.epochs,
    }));
    if (jobs.length > 0) await insertSubmitted(transaction, jobs, at);
    return new Map(made.map(({ submission, jobId }) => [submission, jobId]));
  }
}

/** Of submissions with the same quote or job id only the first: what the second is depends on what becomes of it. */
function firstOfEach(submissions: readonly Submission[]): readonly Submission[] {
  const seen = new Set<string>();
  return submissions.filter(({ quoteId, jobId }) => {
    if (seen.has(quoteId) || (jobId !== undefined && seen.has(jobId))) return false;
    seen.add(quoteId);
    if (jobId !== undefined) seen.add(jobId);
    return true;
  });
}

interface PlainQuote {
  readonly id: string;
  readonly amount: bigint;
  readonly name: string;
  readonly total_steps: bigint;
  readonly epochs: number;
}

/**
 * The quotes that are their submitters' own, not expired and without a job, and whose job id is free.
 *
 * They stay locked. One that another transaction is about to use is left out and not waited for: that transaction may
 * wait for a wallet which this one is going to hold.
 */
async function readPlainQuotes(
  transaction: MarketTransaction,
  submissions: readonly Submission[],
  at: Date,
): Promise<ReadonlyMap<string, PlainQuote>> {
  const { rows } = await sql<PlainQuote>`
    select quote.id, quote.amount, quote.name, quote.total_steps, (quote.settings ->> 'epochs')::integer as epochs
    from unnest(
      ${submissions.map((one) => one.quoteId)}::uuid[], ${submissions.map((one) => one.userId)}::uuid[],
      ${submissions.map((one) => one.jobId ?? null)}::uuid[]
    ) as asked (quote_id, user_id, job_id)
    join quotes quote on quote.id = asked.quote_id and quote.user_id = asked.user_id
    where quote.expires_at > ${at}
      and not exists (select from jobs where jobs.quote_id = quote.id)
      and not exists (select from jobs where jobs.id = asked.job_id)
    for update of quote skip locked
  `.execute(transaction);
  return new Map(rows.map((row) => [row.id, row]));
}
