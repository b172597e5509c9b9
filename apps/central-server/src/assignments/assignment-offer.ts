/** Offering a piece of work to a unit, against what is true now. */
import type { AssignmentId, JobId } from "@cyxwiz/primitives";
import { assignmentMachine, type AssignmentKind } from "@cyxwiz/market";
import type { MarketTransaction } from "../database/transaction.ts";
import { raiseNodeEvent } from "../machines/machine-state.ts";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import { LEASE_MS } from "./limits.ts";

export interface Offer {
  readonly id: AssignmentId;
  readonly jobId: JobId;
  readonly kind: AssignmentKind;
  readonly unit: Pick<FleetUnit, "unitId" | "nodeId" | "threads">;
  /** Those of the work that is run again; all of the unit when absent. */
  readonly threads?: number | undefined;
  readonly fromStep: bigint;
  readonly maxJobsPerNode: number;
  readonly at: Date;
}

/**
 * Writes a live assignment in the caller's transaction, pinned to what the unit computes with. False when the unit is
 * taken or no longer shared, or its node has as many assignments as it may have.
 */
export async function offerAssignment(transaction: MarketTransaction, offer: Offer): Promise<boolean> {
  const { id, jobId, kind, fromStep, at } = offer;
  const { unitId, nodeId } = offer.unit;
  if (!(await hasRoom(transaction, offer))) return false;
  const unit = await transaction
    .selectFrom("compute_units")
    .select(["lowering", "build", "hardware_class"])
    .where("id", "=", unitId)
    .where("status", "=", "ACTIVE")
    .forUpdate()
    .executeTakeFirst();
  if (!unit) return false;
  await transaction
    .insertInto("assignments")
    .values({
      id,
      job_id: jobId,
      unit_id: unitId,
      machine_id: nodeId,
      kind,
      state: assignmentMachine.initial,
      from_step: fromStep,
      lowering: unit.lowering ?? "",
      build: unit.build ?? "",
      hardware_class: unit.hardware_class ?? "",
      threads: offer.threads ?? offer.unit.threads,
      lease_expires_at: new Date(at.getTime() + LEASE_MS),
      offered_at: at,
      accepted_at: null,
      started_at: null,
      ended_at: null,
    })
    .execute();
  await raiseNodeEvent(transaction, nodeId, "work-started");
  return true;
}

/**
 * The unit is free, and its node may take one more. Holds the machine's row, so that two offers see each other; machine
 * before unit, as registrations do.
 */
async function hasRoom(transaction: MarketTransaction, { unit, maxJobsPerNode }: Offer): Promise<boolean> {
  await transaction.selectFrom("machines").select("id").where("id", "=", unit.nodeId).forUpdate().execute();
  const live = await transaction
    .selectFrom("assignments")
    .select("unit_id")
    .where("machine_id", "=", unit.nodeId)
    .where("ended_at", "is", null)
    .execute();
  return live.length < maxJobsPerNode && live.every((other) => other.unit_id !== unit.unitId);
}
