/**
 * The only writer of a node's and a unit's state: events go through the market's transition tables, row by row, under a
 * row lock. An event that the state does not take changes nothing and is told to the caller.
 */
import {
  nodeMachine,
  unitMachine,
  type NodeEvent,
  type NodeState,
  type UnitEvent,
  type UnitState,
} from "@cyxwiz/market";
import type { NodeId, UnitId } from "@cyxwiz/primitives";
import type { Database } from "../database/open-database.ts";

/** Raises an event on a node; the new state, or undefined when the node is unknown or its state does not take it. */
export async function raiseNodeEvent(
  transaction: Database,
  nodeId: NodeId,
  event: NodeEvent,
): Promise<NodeState | undefined> {
  const row = await transaction
    .selectFrom("machines")
    .select("state")
    .where("id", "=", nodeId)
    .forUpdate()
    .executeTakeFirst();
  if (!row) return undefined;
  const moved = nodeMachine.next(row.state as NodeState, event);
  if (moved.kind === "refused") return undefined;
  if (moved.state !== row.state) {
    await transaction.updateTable("machines").set({ state: moved.state }).where("id", "=", nodeId).execute();
  }
  return moved.state;
}

/** As `raiseNodeEvent`, for a unit. `reason` is kept beside the state; null clears it. */
export async function raiseUnitEvent(
  transaction: Database,
  unitId: UnitId,
  event: UnitEvent,
  reason: string | null = null,
): Promise<UnitState | undefined> {
  const row = await transaction
    .selectFrom("compute_units")
    .select("status")
    .where("id", "=", unitId)
    .forUpdate()
    .executeTakeFirst();
  if (!row) return undefined;
  const moved = unitMachine.next(row.status as UnitState, event);
  if (moved.kind === "refused") return undefined;
  await transaction
    .updateTable("compute_units")
    .set({ status: moved.state, status_reason: reason })
    .where("id", "=", unitId)
    .execute();
  return moved.state;
}

/** The events that bring a unit from where it is to ACTIVE at registration. */
export function registrationPath(status: UnitState): readonly UnitEvent[] {
  switch (status) {
    case "NOT_SHARED":
      return ["sharing-enabled", "registration-started", "registered"];
    case "INACTIVE":
      return ["registration-started", "registered"];
    case "REGISTERING":
      return ["registered"];
    case "OFFLINE":
      return ["heartbeat-returned"];
    // What failed a challenge leaves ERROR by passing one, and not by registering again; a pause stays until its cause ends.
    case "ERROR":
    case "ACTIVE":
    case "PAUSED":
      return [];
  }
}
