/**
 * Which units are asked in the same moment.
 *
 * A device that was sold twice computes both challenges at once, and each takes twice as long. So a unit that has been
 * measured alone is later asked together with all that may be the same device: idle units of its machine, and units of
 * its kind on nodes with its fingerprint or its address. Units that say openly that they are one device are asked as the
 * scheduler would use them: never more at once than the device has room for.
 */
import type { NodeId, UnitId } from "@cyxwiz/primitives";
import type { DeviceType } from "../price/job-needs.ts";
import type { DeviceKey } from "../scheduler/snapshot.ts";
import { MAX_TOGETHER } from "./limits.ts";

/** A unit that could be asked now. */
export interface ChallengeCandidate {
  readonly unitId: UnitId;
  readonly nodeId: NodeId;
  readonly deviceType: DeviceType;
  readonly deviceKey: DeviceKey;
  /** As in the scheduler's snapshot: cores of a CPU, bytes of a GPU. */
  readonly deviceCapacity: number;
  readonly allocatedCapacity: number;
  readonly fingerprint: string | null;
  readonly ipAddress: string;
  /** Whether it has been measured in its present class. */
  readonly isMeasured: boolean;
}

/** Whether two units may be the same device, or share one machine. Symmetric. */
export function areRelated(one: ChallengeCandidate, other: ChallengeCandidate): boolean {
  if (one.nodeId === other.nodeId || one.deviceKey === other.deviceKey) return true;
  if (one.deviceType !== other.deviceType) return false;
  const sameMachine = one.fingerprint !== null && one.fingerprint === other.fingerprint;
  return sameMachine || (one.ipAddress !== "" && one.ipAddress === other.ipAddress);
}

/**
 * The unit's company, itself first: at most `MAX_TOGETHER`, in the order of their ids.
 *
 * Others count only once they have been measured alone; without that nothing shows that they became slower. Pure.
 */
export function askedTogether<Unit extends ChallengeCandidate>(
  unit: Unit,
  candidates: readonly Unit[],
): readonly Unit[] {
  const asked = [unit];
  const others = candidates
    .filter((other) => other.unitId !== unit.unitId && other.isMeasured && areRelated(unit, other))
    .toSorted((a, b) => (a.unitId < b.unitId ? -1 : 1));
  for (const other of others) {
    if (asked.length >= MAX_TOGETHER) break;
    if (hasRoom(other, asked)) asked.push(other);
  }
  return asked;
}

/** Whether the device that a unit names still has room beside those of it that are asked. */
function hasRoom(unit: ChallengeCandidate, asked: readonly ChallengeCandidate[]): boolean {
  const same = asked.filter((other) => other.deviceKey === unit.deviceKey);
  if (same.length === 0) return true;
  if (unit.deviceType === "gpu") return false;
  const capacity = Math.min(...[...same, unit].map((one) => one.deviceCapacity));
  const taken = same.reduce((sum, one) => sum + one.allocatedCapacity, unit.allocatedCapacity);
  return taken <= capacity;
}
