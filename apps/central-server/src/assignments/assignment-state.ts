/** The only writer of an assignment's state, and of what its begin and end mean for the node. */
import { AppError, type AssignmentId, type JobId, type NodeId } from "@cyxwiz/primitives";
import { assignmentMachine, type AssignmentEvent, type AssignmentState } from "@cyxwiz/market";
import type { Selectable, Updateable } from "kysely";
import type { AssignmentsTable } from "../database/schema.ts";
import type { MarketTransaction } from "../database/transaction.ts";
import { raiseNodeEvent } from "../machines/machine-state.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";

export type AssignmentRow = Selectable<AssignmentsTable>;

/** The live attempt to train a job, locked; undefined when there is none. Re-runs of it are no such attempts. */
export async function lockLiveOf(transaction: MarketTransaction, jobId: JobId): Promise<AssignmentRow | undefined> {
  return transaction
    .selectFrom("assignments")
    .selectAll()
    .where("job_id", "=", jobId)
    .where("kind", "=", "TRAIN")
    .where("ended_at", "is", null)
    .forUpdate()
    .executeTakeFirst();
}

/** @throws AppError `central/assignment-over` when it has ended. */
export async function lockLive(transaction: MarketTransaction, assignmentId: AssignmentId): Promise<AssignmentRow> {
  const row = await transaction
    .selectFrom("assignments")
    .selectAll()
    .where("id", "=", assignmentId)
    .where("ended_at", "is", null)
    .forUpdate()
    .executeTakeFirst();
  if (!row) throw new AppError(ASSIGNMENT_ERRORS.ASSIGNMENT_OVER, { assignmentId });
  return row;
}

export interface AssignmentMove {
  readonly event: AssignmentEvent;
  readonly at: Date;
  readonly also?: Omit<Updateable<AssignmentsTable>, "id" | "state" | "ended_at">;
}

/** Moves a locked assignment; one that ends frees its node. @throws AppError `market/transition-refused`. */
export async function moveAssignment(
  transaction: MarketTransaction,
  assignment: AssignmentRow,
  { event, at, also }: AssignmentMove,
): Promise<AssignmentRow> {
  const state = assignmentMachine.move(assignment.state as AssignmentState, event);
  const isOver = assignmentMachine.isFinal(state);
  const moved = await transaction
    .updateTable("assignments")
    .set({ ...also, state, ...(isOver && { ended_at: at }) })
    .where("id", "=", assignment.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  if (isOver) await releaseNode(transaction, assignment.machine_id as NodeId);
  return moved;
}

/** The node's last live assignment has ended: it is no longer busy. */
async function releaseNode(transaction: MarketTransaction, nodeId: NodeId): Promise<void> {
  const other = await transaction
    .selectFrom("assignments")
    .select("id")
    .where("machine_id", "=", nodeId)
    .where("ended_at", "is", null)
    .limit(1)
    .executeTakeFirst();
  if (!other) await raiseNodeEvent(transaction, nodeId, "work-ended");
}
