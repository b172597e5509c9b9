/** What a node says of its attempt takes effect in one transaction, over the locked job and the locked assignment. */
import { defined } from "@cyxwiz/primitives";
import { inTransaction, type MarketTransaction, type TransactionContext } from "../database/transaction.ts";
import { lockJob, type JobRow } from "../jobs/job-state.ts";
import { lockLive, type AssignmentRow } from "./assignment-state.ts";
import type { LiveAssignment, LiveAssignments } from "./live-assignments.ts";

/**
 * Runs `change` and says whether it ended the attempt, which is then no longer live.
 *
 * @throws AppError `central/assignment-over` when the attempt had ended before, and whatever `change` throws.
 */
export async function changeAttempt(
  context: TransactionContext & { readonly live: LiveAssignments },
  { jobId, assignmentId }: LiveAssignment,
  change: (transaction: MarketTransaction, job: JobRow, assignment: AssignmentRow) => Promise<void>,
): Promise<boolean> {
  const hasEnded = await inTransaction(context, async (transaction) => {
    const job = defined(await lockJob(transaction, jobId), "the job of an assignment");
    await change(transaction, job, await lockLive(transaction, assignmentId));
    const after = await transaction
      .selectFrom("assignments")
      .select("ended_at")
      .where("id", "=", assignmentId)
      .executeTakeFirstOrThrow();
    return after.ended_at !== null;
  });
  if (hasEnded) context.live.forget(assignmentId);
  return hasEnded;
}
