/**
 * What a job's end means for the record of the machine that worked on it: counters and reputation.
 *
 * Only a payer's first completed job on a machine raises its reputation, and never its owner's own, so that paying
 * oneself buys none.
 */
import type { JobId, NodeId } from "@cyxwiz/primitives";
import { REPUTATION_MAX } from "@cyxwiz/market";
import { sql } from "kysely";
import type { MarketTransaction } from "../database/transaction.ts";
import type { AssignmentRow } from "../assignments/assignment-state.ts";

/** A success closes a fiftieth of the distance to the top; a failure costs a twentieth of what there is. */
const RISE = 50;
const FALL = 20;

export async function recordSuccess(transaction: MarketTransaction, assignment: AssignmentRow): Promise<void> {
  const counts = await isNewPayer(transaction, assignment);
  await transaction
    .updateTable("machines")
    .set((eb) => ({
      jobs_completed: eb("jobs_completed", "+", 1),
      ...(counts && { reputation: sql<number>`reputation + (${REPUTATION_MAX} - reputation + ${RISE - 1}) / ${RISE}` }),
    }))
    .where("id", "=", assignment.machine_id)
    .execute();
}

export async function recordFailure(transaction: MarketTransaction, nodeId: NodeId): Promise<void> {
  await transaction
    .updateTable("machines")
    .set((eb) => ({
      jobs_failed: eb("jobs_failed", "+", 1),
      reputation: sql<number>`reputation - reputation / ${FALL}`,
    }))
    .where("id", "=", nodeId)
    .execute();
}

async function isNewPayer(transaction: MarketTransaction, assignment: AssignmentRow): Promise<boolean> {
  const job = await transaction
    .selectFrom("jobs")
    .innerJoin("machines", (join) => join.on("machines.id", "=", assignment.machine_id))
    .select(["jobs.user_id", "machines.owner_id"])
    .where("jobs.id", "=", assignment.job_id as JobId)
    .executeTakeFirstOrThrow();
  if (job.user_id === job.owner_id) return false;
  const earlier = await transaction
    .selectFrom("assignments")
    .innerJoin("jobs", "jobs.id", "assignments.job_id")
    .select("assignments.id")
    .where("assignments.machine_id", "=", assignment.machine_id)
    .where("assignments.state", "=", "SUCCEEDED")
    .where("assignments.id", "<>", assignment.id)
    .where("jobs.user_id", "=", job.user_id)
    .limit(1)
    .executeTakeFirst();
  return earlier === undefined;
}
