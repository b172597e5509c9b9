import type { JobId, QuoteId, UserId } from "@cyxwiz/primitives";
import { jobMachine, type JobEvent } from "@cyxwiz/market";
import { sql } from "kysely";
import type { MarketTransaction } from "../database/transaction.ts";

/** A job as its quote describes it. */
export interface SubmittedJob {
  readonly jobId: JobId;
  readonly userId: UserId;
  readonly quoteId: QuoteId;
  readonly name: string;
  readonly totalSteps: bigint;
  readonly totalEpochs: number;
}

/** What a submission does to a job, in this order, with the lines of the history that people read. */
const SUBMISSION: readonly { readonly event: JobEvent; readonly message: string }[] = [
  { event: "submitted", message: "submitted with its quote" },
  { event: "escrow-locked", message: "the quoted amount is locked" },
];

/**
 * Writes jobs whose escrows are locked in the same transaction, CREATED → QUEUED → ESCROWED, with their history.
 *
 * One statement, whatever their number. A quote or id that has a job already fails it, as a unique violation.
 */
export async function insertSubmitted(
  transaction: MarketTransaction,
  jobs: readonly SubmittedJob[],
  at: Date,
): Promise<void> {
  const ids = jobs.map((job) => job.jobId);
  const state = SUBMISSION.reduce((from, { event }) => jobMachine.move(from, event), jobMachine.initial);
  await sql`
    with submitted as (
      insert into jobs (id, user_id, quote_id, name, state, total_steps, total_epochs, created_at)
      select id, user_id, quote_id, name, ${state}, total_steps, total_epochs, ${at}::timestamptz from unnest(
        ${ids}::uuid[], ${jobs.map((job) => job.userId)}::uuid[], ${jobs.map((job) => job.quoteId)}::uuid[],
        ${jobs.map((job) => job.name)}::text[], ${jobs.map((job) => job.totalSteps.toString())}::bigint[],
        ${jobs.map((job) => job.totalEpochs)}::integer[]
      ) as job (id, user_id, quote_id, name, total_steps, total_epochs)
    )
    insert into job_events (job_id, at, kind, message)
    select job.id, ${at}::timestamptz, line.kind, line.message
    from unnest(${ids}::uuid[]) with ordinality as job (id, nth), unnest(
      ${SUBMISSION.map((line) => line.event)}::text[], ${SUBMISSION.map((line) => line.message)}::text[]
    ) with ordinality as line (kind, message, nth)
    order by job.nth, line.nth
  `.execute(transaction);
}
