/** The scheduler's snapshot of the fleet, read in one go: every shared unit with its node, load and presence. */
import { amount, type NodeId, type UnitId, type UserId } from "@cyxwiz/primitives";
import { deviceKey, effectiveSpeed, isNewNode, type UnitSnapshot, type UnitState } from "@cyxwiz/market";
import type { Allocation } from "@cyxwiz/protocol/rest";
import { sql } from "kysely";
import { storedCalibration } from "../challenges/stored-calibration.ts";
import type { Database } from "../database/open-database.ts";
import type { Presence } from "../machines/presence.ts";
import type { StoredHardware } from "../machines/registration-service.ts";
import { schedulableCores } from "../machines/unit-allocation.ts";

/** A unit as the scheduler sees it, with what people call it. */
export interface FleetUnit extends UnitSnapshot {
  readonly nodeName: string;
  readonly deviceName: string;
  readonly lowering: string | null;
  readonly build: string | null;
  readonly hardwareClass: string | null;
  /** Successes of its node that counted. */
  readonly successesCounted: number;
  /** The platform owns it: it checks jobs and trains none. */
  readonly isPlatform: boolean;
  readonly cores: number;
  /** Computing threads that a job on it gets. */
  readonly threads: number;
}

export interface FleetQueryOptions {
  readonly db: Database;
  readonly presence: Presence;
  /** Whether work can be handed to the node now: it holds a task stream. */
  readonly isReachable: (nodeId: NodeId) => boolean;
}

const PRIORITY = { low: -1, normal: 0, high: 1 } as const;
const MEBIBYTE = 1_048_576;
/** Threads of a job on a GPU unit: enough to feed it. */
const GPU_THREADS = 2;

/**
 * Reads the fleet. A node that is silent, in maintenance, not ACTIVE or BUSY, or without a task stream counts as not
 * online: it takes no work now.
 */
export async function readFleet({ db, presence, isReachable }: FleetQueryOptions): Promise<readonly FleetUnit[]> {
  const rows = await db
    .selectFrom("compute_units as unit")
    .innerJoin("machines as machine", "machine.id", "unit.machine_id")
    .innerJoin("users as owner", "owner.id", "unit.owner_id")
    .leftJoin(
      (eb) =>
        eb
          .selectFrom("assignments")
          .select(["unit_id", sql<number>`count(*)::int`.as("live")])
          .where("ended_at", "is", null)
          .groupBy("unit_id")
          .as("load"),
      (join) => join.onRef("load.unit_id", "=", "unit.id"),
    )
    .select([
      "unit.id",
      "unit.machine_id",
      "unit.owner_id",
      "unit.device_type",
      "unit.device_id",
      "unit.device_name",
      "unit.allocation",
      "unit.cores",
      "unit.memory_bytes",
      "unit.price_per_hour",
      "unit.train_flops_per_second",
      "unit.calibration",
      "unit.lowering",
      "unit.build",
      "unit.hardware_class",
      "unit.status",
      "machine.name",
      "machine.fingerprint",
      "machine.hardware",
      "machine.reputation",
      "machine.successes_counted",
      "owner.role",
      "machine.maintenance",
      "machine.state",
      "load.live",
    ])
    .where("unit.status", "<>", "NOT_SHARED")
    .execute();
  return rows.map((row): FleetUnit => {
    const nodeId = row.machine_id as NodeId;
    const takesWork = (row.state === "ACTIVE" || row.state === "BUSY") && !row.maintenance;
    const isCpu = row.device_type === "cpu";
    return {
      unitId: row.id as UnitId,
      nodeId,
      ownerId: row.owner_id as UserId,
      deviceType: row.device_type,
      deviceKey: deviceKey(row.fingerprint ?? nodeId, row.device_type, row.device_id),
      deviceCapacity: deviceCapacity(row.hardware as StoredHardware, row.device_type, row.device_id),
      allocatedCapacity: isCpu ? row.cores : Number(row.memory_bytes),
      memoryBytes: Number(row.memory_bytes),
      pricePerHour: amount(row.price_per_hour),
      trainFlopsPerSecond: effectiveSpeed({
        claimedTrainFlops: row.train_flops_per_second ?? 0,
        calibration: storedCalibration(row.calibration),
      }),
      reputation: row.reputation,
      isNew: isNewNode(row.successes_counted),
      successesCounted: row.successes_counted,
      activeJobs: row.live ?? 0,
      status: row.status as UnitState,
      online: takesWork && presence.isOnline(nodeId) && isReachable(nodeId),
      lowerings: row.lowering === null ? [] : [row.lowering],
      priority: PRIORITY[(row.allocation as Allocation).priority],
      nodeName: row.name,
      deviceName: row.device_name,
      lowering: row.lowering,
      build: row.build,
      hardwareClass: row.hardware_class,
      isPlatform: row.role === "platform",
      cores: row.cores,
      threads: isCpu ? ((row.allocation as Allocation).cores_allocated ?? row.cores) : GPU_THREADS,
    };
  });
}

/**
 * The fleet as jobs are placed on it: the platform's units take none. They stay in it, because what runs on them occupies
 * devices that others may share.
 */
export function forTraining(fleet: readonly FleetUnit[]): readonly FleetUnit[] {
  return fleet.map((unit) => (unit.isPlatform ? { ...unit, online: false } : unit));
}

/** Cores of a CPU, bytes of VRAM of a GPU. */
function deviceCapacity(hardware: StoredHardware, deviceType: "cpu" | "gpu", deviceId: number): number {
  if (deviceType === "cpu") {
    const cpu = hardware.cpus.find((one) => one.device_id === deviceId);
    return cpu === undefined ? 0 : schedulableCores(cpu);
  }
  return (hardware.gpus.find((gpu) => gpu.device_id === deviceId)?.vram_mb ?? 0) * MEBIBYTE;
}
