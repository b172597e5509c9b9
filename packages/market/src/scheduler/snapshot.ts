/**
 * What the scheduler sees: plain data, read once, never changed while a plan is made.
 *
 * It holds every shared unit, also those that take no work now, because their live assignments still occupy devices and
 * because an explanation must be able to say "offline".
 */
import type { Amount, JobId, NodeId, UnitId, UserId } from "@cyxwiz/primitives";
import type { DeviceType, JobNeeds } from "../price/job-needs.ts";
import type { UnitState } from "../state/unit-state.ts";

/** One physical device: units of several nodes on one computer may name the same one. */
export type DeviceKey = string;

export interface UnitSnapshot {
  readonly unitId: UnitId;
  readonly nodeId: NodeId;
  readonly ownerId: UserId;
  readonly deviceType: DeviceType;
  /** From `deviceKey`. */
  readonly deviceKey: DeviceKey;
  /** What the physical device has: cores of a CPU, bytes of VRAM of a GPU. */
  readonly deviceCapacity: number;
  /** What of it this unit's owner shares, and an assignment on the unit occupies. Same unit as `deviceCapacity`. */
  readonly allocatedCapacity: number;
  /** Bytes that a job on this unit may use: VRAM of a GPU unit, the allocated RAM of a CPU unit. */
  readonly memoryBytes: number;
  readonly pricePerHour: Amount;
  /** Measured at registration while training; 0 when it was not measured. */
  readonly trainFlopsPerSecond: number;
  /** Of the node: 0 to 10,000. */
  readonly reputation: number;
  /** Of the node: whether it has too short a record for its reputation to say much (`isNewNode`). */
  readonly isNew: boolean;
  /** Live assignments on this unit. A unit takes one at a time. */
  readonly activeJobs: number;
  readonly status: UnitState;
  /** Whether the node's last heartbeat is young enough for work to be given to it. */
  readonly online: boolean;
  /** The lowerings that the node can run on this device, by name. */
  readonly lowerings: readonly string[];
  /** The owner's order among units of equal score: higher first. */
  readonly priority: number;
}

export interface QueuedJob {
  readonly jobId: JobId;
  readonly submitter: UserId;
  readonly needs: JobNeeds;
  /** What is locked for it. Only a unit whose own cost is not above this takes it. */
  readonly quoted: Amount;
  /** Nodes that failed, lost or declined it, and are not asked again. */
  readonly bannedNodes: readonly NodeId[];
  /** Unix time in milliseconds. */
  readonly submittedAt: number;
  /** Higher first; one level is worth a fixed head start (`PRIORITY_HEAD_START_MS`). */
  readonly priority: number;
}

/** Names a physical device from the machine's hardware fingerprint, the device type and its number on the machine. */
export function deviceKey(fingerprint: string, deviceType: DeviceType, deviceId: string | number): DeviceKey {
  return `${fingerprint}/${deviceType}/${deviceId}`;
}
