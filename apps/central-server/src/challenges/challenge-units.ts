/** The units that may be challenged: the fleet as the scheduler sees it, with what they claim and what they showed. */
import type { Calibration, ChallengeCandidate, UnitState } from "@cyxwiz/market";
import type { Database } from "../database/open-database.ts";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import { storedCalibration } from "./stored-calibration.ts";

export interface ChallengeUnit extends ChallengeCandidate {
  readonly claimedTrainFlops: number;
  readonly memoryBytes: number;
  /** What measurements of this unit may be compared within. */
  readonly class: string;
  readonly calibration: Calibration | undefined;
  readonly status: UnitState;
  /** The node is online and takes work, so that it would answer. */
  readonly isHere: boolean;
  /** Live assignments on the unit. */
  readonly activeJobs: number;
}

export interface ChallengeUnitsOptions {
  readonly db: Database;
  readonly readFleet: () => Promise<readonly FleetUnit[]>;
}

/** Every shared unit that claims a speed, working or not, here or not. */
export async function readChallengeUnits(options: ChallengeUnitsOptions): Promise<readonly ChallengeUnit[]> {
  const rows = await options.db
    .selectFrom("compute_units as unit")
    .innerJoin("machines as machine", "machine.id", "unit.machine_id")
    .select([
      "unit.id",
      "unit.train_flops_per_second",
      "unit.hardware_class",
      "unit.build",
      "unit.calibration",
      "machine.fingerprint",
      "machine.ip_address",
    ])
    .where("unit.status", "<>", "NOT_SHARED")
    .where("unit.train_flops_per_second", "is not", null)
    .execute();
  const byId = new Map<string, (typeof rows)[number]>(rows.map((row) => [row.id, row]));
  return (await options.readFleet()).flatMap((unit) => {
    const row = byId.get(unit.unitId);
    if (!row) return [];
    const calibration = storedCalibration(row.calibration);
    const unitClass = [unit.deviceType, row.hardware_class, unit.allocatedCapacity, row.build].join("/");
    return {
      unitId: unit.unitId,
      nodeId: unit.nodeId,
      deviceType: unit.deviceType,
      deviceKey: unit.deviceKey,
      deviceCapacity: unit.deviceCapacity,
      allocatedCapacity: unit.allocatedCapacity,
      fingerprint: row.fingerprint,
      ipAddress: row.ip_address,
      claimedTrainFlops: row.train_flops_per_second ?? 0,
      memoryBytes: unit.memoryBytes,
      class: unitClass,
      calibration,
      isMeasured: calibration?.class === unitClass,
      status: unit.status,
      isHere: unit.online,
      activeJobs: unit.activeJobs,
    };
  });
}
