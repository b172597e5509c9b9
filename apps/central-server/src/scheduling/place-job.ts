/** Making one placement of a plan real: in one transaction, against what is true now. */
import { defined, type AssignmentId, type NodeId } from "@cyxwiz/primitives";
import type { Placement } from "@cyxwiz/market";
import { offerAssignment } from "../assignments/assignment-offer.ts";
import {
  inTransaction,
  violatedUnique,
  type MarketTransaction,
  type TransactionContext,
} from "../database/transaction.ts";
import { lockJob, moveJob } from "../jobs/job-state.ts";
import { newId } from "../jobs/new-id.ts";
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
  const unit = defined(fleet.get(placement.unitId), "the unit of a placement");
  const at = new Date(clock.now());
  const assignmentId = newId(random) as AssignmentId;
  const offered = {
    id: assignmentId,
    jobId: placement.jobId,
    kind: "TRAIN",
    fromStep: job.committed_step,
    at,
  } as const;
  if (!(await offerAssignment(transaction, { ...offered, unit, maxJobsPerNode }))) return undefined;
  await moveJob(transaction, job, {
    event: "assigned",
    at,
    message: `offered to ${unit.nodeName}, ${unit.deviceName}`,
    also: { placement: JSON.stringify(presentPlacement(placement, fleet)) },
  });
  return { assignmentId, nodeId: unit.nodeId };
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
