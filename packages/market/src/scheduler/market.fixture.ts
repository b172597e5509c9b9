/** Builders for tests: a unit and a job that fit each other, each with the differences that a test is about. */
import {
  amount,
  parseJobId,
  parseNodeId,
  parseUnitId,
  parseUserId,
  type NodeId,
  type UserId,
} from "@cyxwiz/primitives";
import type { JobNeeds } from "../price/job-needs.ts";
import { deviceKey, type QueuedJob, type UnitSnapshot } from "./snapshot.ts";

export const GIB: number = 2 ** 30;

function uuid(kind: number, number: number): string {
  return `${kind.toString(16).padStart(8, "0")}-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

export function aUser(number: number): UserId {
  return parseUserId(uuid(1, number));
}

export function aNode(number: number): NodeId {
  return parseNodeId(uuid(2, number));
}

/** A free GPU unit of 16 GiB at 0.57 per hour and 5 TFLOP/s, on a node and a machine of its own. */
export function aUnit(number: number, differences: Partial<UnitSnapshot> = {}): UnitSnapshot {
  const type = differences.deviceType ?? "gpu";
  const capacity = type === "gpu" ? 16 * GIB : 8;
  return {
    unitId: parseUnitId(`unit_${type}0_${number.toString(36).padStart(6, "0")}`),
    nodeId: aNode(number),
    ownerId: aUser(1_000 + number),
    deviceType: type,
    deviceKey: deviceKey(`machine${number}`, type, 0),
    deviceCapacity: capacity,
    allocatedCapacity: capacity,
    memoryBytes: 16 * GIB,
    pricePerHour: amount(570_000_000n),
    trainFlopsPerSecond: 5e12,
    reputation: 7_500,
    isNew: false,
    activeJobs: 0,
    status: "ACTIVE",
    online: true,
    lowerings: ["ort"],
    priority: 0,
    ...differences,
  };
}

/** An hour of work for `aUnit`. */
export function someNeeds(differences: Partial<JobNeeds> = {}): JobNeeds {
  return { trainFlops: 5e12 * 3600, peakMemoryBytes: 4 * GIB, datasetBytes: 0, device: "any", ...differences };
}

export function aJob(number: number, differences: Partial<QueuedJob> = {}): QueuedJob {
  return {
    jobId: parseJobId(uuid(3, number)),
    submitter: aUser(number),
    needs: someNeeds(),
    quoted: amount(1_000_000_000n),
    bannedNodes: [],
    submittedAt: 1_000_000 + number,
    priority: 0,
    ...differences,
  };
}
