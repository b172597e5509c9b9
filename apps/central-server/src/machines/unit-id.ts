import type { DeviceType } from "@cyxwiz/market";
import type { UnitId } from "@cyxwiz/primitives";

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const SUFFIX_LENGTH = 10;

/** A new unit's id, like `unit_gpu0_xyz123`: what the device is, and 51 random bits. `random` is uniform in [0, 1). */
export function newUnitId(deviceType: DeviceType, deviceId: number, random: () => number): UnitId {
  const suffix = Array.from({ length: SUFFIX_LENGTH }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join("");
  return `unit_${deviceType}${deviceId}_${suffix}` as UnitId;
}
