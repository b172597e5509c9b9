/** Making one placement of a plan real: in one transaction, against what is true now. */
import { defined, type AssignmentId, type NodeId } from "@cyxwiz/primitives";
import { assignmentMachine, type Placement } from "@cyxwiz/market";
import { LEASE_MS } from "../assignments/limits.ts";
import {
  inTransaction,
  violatedUnique,
  type MarketTransaction,
  type TransactionContext,
} from "../database/transaction.ts";
import { lockJob, moveJob } from "../jobs/job-state.ts";
import { newId } from "../jobs/new-id.ts";
import { raiseNodeEvent } from "../machines/machine-state.ts";
import { breakdownOf } from "../quotes/present-quote.ts";
import type { FleetUnit } from "./fleet-query.ts";

export interface PlaceOptions extends TransactionContext {
  readonly maxJobsPerNode: number;
}

export interface Placed {
  readonly assignmentId: AssignmentId;
  readonly nodeId: NodeId;
}

/**
 * Offers a job to a unit. Undefined when the world moved on since the snapshot: the job was cancelled, the unit is taken
 * or no longer shared, the node has as many jobs as it may have. The next pass sees it as it is.
 */
export async function placeJob(
  options: PlaceOptions,
  placement: Placement,
  fleet: ReadonlyMap<string, FleetUnit>,
): Promise<Placed | undefined> {
  try {
    return await inTransaction(options, (transaction) => offer(transaction, options, placement, fleet));
  } catch (error) {
    if (violatedUnique(error) !== undefined) return undefined;
    throw error;
  }
}

async function offer(
  transaction: MarketTransaction,
  { clock, random, maxJobsPerNode }: PlaceOptions,
  placement: Placement,
  fleet: ReadonlyMap<string, FleetUnit>,
): Promise<Placed | undefined> {
  const job = await lockJob(transaction, placement.jobId);
  if (job?.state !== "ESCROWED") return undefined;
  const planned = defined(fleet.get(placement.unitId), "the unit of a placement");
  if (!(await hasRoom(transaction, planned, maxJobsPerNode))) return undefined;
  const unit = await transaction
    .selectFrom("compute_units")
    .select(["id", "device_name"])
    .where("id", "=", planned.unitId)
    .where("status", "=", "ACTIVE")
    .forUpdate()
    .executeTakeFirst();
  if (!unit) return undefined;
  const at = new Date(clock.now());
  const assignmentId = newId(random) as AssignmentId;
  const { nodeId, nodeName } = planned;
  await transaction
    .insertInto("assignments")
    .values({
      id: assignmentId,
      job_id: job.id,
      unit_id: unit.id,
      machine_id: nodeId,
      kind: "TRAIN",
      state: assignmentMachine.initial,
      from_step: job.committed_step,
      lease_expires_at: new Date(at.getTime() + LEASE_MS),
      offered_at: at,
      accepted_at: null,
      started_at: null,
      ended_at: null,
    })
    .execute();
  await moveJob(transaction, job, {
    event: "assigned",
    at,
    message: `offered to ${nodeName}, ${unit.device_name}`,
    also: { placement: JSON.stringify(presentPlacement(placement, fleet)) },
  });
  await raiseNodeEvent(transaction, nodeId, "work-started");
  return { assignmentId, nodeId };
}

/**
 * The unit is free, and its node may take one more. Holds the machine's row, so that two placements see each other;
 * machine before unit, as registrations do.
 */
async function hasRoom(
  transaction: MarketTransaction,
  unit: Pick<FleetUnit, "unitId" | "nodeId">,
  maxJobsPerNode: number,
): Promise<boolean> {
  await transaction.selectFrom("machines").select("id").where("id", "=", unit.nodeId).forUpdate().execute();
  const live = await transaction
    .selectFrom("assignments")
    .select("unit_id")
    .where("machine_id", "=", unit.nodeId)
    .where("ended_at", "is", null)
    .execute();
  return live.length < maxJobsPerNode && live.every((other) => other.unit_id !== unit.unitId);
}

/** What the job shows of it later: why this unit, and who came next. */
function presentPlacement(placement: Placement, fleet: ReadonlyMap<string, FleetUnit>): object {
  return {
    score: placement.score,
    breakdown: placement.breakdown,
    runners_up: placement.runnersUp.map(({ unitId, score }) => {
      const unit = defined(fleet.get(unitId), "the unit of a runner-up");
      return { node_name: unit.nodeName, unit_id: unitId, score, breakdown: breakdownOf(unit, score) };
    }),
  };
}
