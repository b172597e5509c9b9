/**
 * The only writer of a job's state: an event through the market's table, in the caller's transaction, with its line in
 * the job's history.
 */
import type { JobId } from "@cyxwiz/primitives";
import { jobMachine, type JobEvent, type JobState } from "@cyxwiz/market";
import type { Selectable, Updateable } from "kysely";
import type { JobsTable } from "../database/schema.ts";
import type { MarketTransaction } from "../database/transaction.ts";

export type JobRow = Selectable<JobsTable>;

/** The job's row, locked until the transaction ends. */
export async function lockJob(transaction: MarketTransaction, jobId: JobId): Promise<JobRow | undefined> {
  return transaction.selectFrom("jobs").selectAll().where("id", "=", jobId).forUpdate().executeTakeFirst();
}

export interface JobMove {
  readonly event: JobEvent;
  readonly at: Date;
  /** The line of the history that people read. */
  readonly message: string;
  /** What changes with the state. */
  readonly also?: Omit<Updateable<JobsTable>, "id" | "state">;
}

/**
 * Moves a locked job.
 *
 * @throws AppError `market/transition-refused` when its state does not take the event.
 */
export async function moveJob(transaction: MarketTransaction, job: JobRow, move: JobMove): Promise<JobRow> {
  const state = jobMachine.move(job.state as JobState, move.event);
  const moved = await transaction
    .updateTable("jobs")
    .set({ ...move.also, state })
    .where("id", "=", job.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  await noteJobEvent(transaction, job.id as JobId, { kind: move.event, at: move.at, message: move.message });
  return moved;
}

/** Adds a line to a job's history that moves nothing. */
export async function noteJobEvent(
  transaction: MarketTransaction,
  jobId: JobId,
  event: { readonly kind: string; readonly at: Date; readonly message: string },
): Promise<void> {
  await transaction
    .insertInto("job_events")
    .values({ job_id: jobId, ...event })
    .execute();
}

export function isEnded(state: string): boolean {
  return jobMachine.isFinal(state as JobState);
}
