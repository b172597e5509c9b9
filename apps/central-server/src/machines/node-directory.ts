/** The public list of nodes: what anyone may see, without address, wallet or owner. */
import { AppError, formatAmount, type Amount, type NodeId } from "@cyxwiz/primitives";
import { effectiveSpeed, reputationToPercent } from "@cyxwiz/market";
import type { PublicNode } from "@cyxwiz/protocol/rest";
import type { Selectable } from "kysely";
import { presentCalibration, storedCalibration } from "../challenges/stored-calibration.ts";
import type { Database } from "../database/open-database.ts";
import type { ComputeUnitsTable, MachinesTable } from "../database/schema.ts";
import { MAX_NODES_LISTED } from "./limits.ts";
import { MACHINE_ERRORS } from "./machine-errors.ts";
import type { Presence } from "./presence.ts";

export type MachineRow = Selectable<MachinesTable>;
export type UnitRow = Selectable<ComputeUnitsTable>;
export type MachineStatus = PublicNode["status"];
export type UnitStatus = PublicNode["devices"][number]["status"];

export interface MachineWithUnits {
  readonly machine: MachineRow;
  /** Shared devices only. */
  readonly units: readonly UnitRow[];
}

/** What the owner set, else what the last beat says. */
export function machineStatus(machine: MachineRow, presence: Presence): MachineStatus {
  if (machine.maintenance) return "maintenance";
  return presence.isOnline(machine.id as NodeId) ? "online" : "offline";
}

export class NodeDirectory {
  readonly #db: Database;
  readonly #presence: Presence;

  constructor(db: Database, presence: Presence) {
    this.#db = db;
    this.#presence = presence;
  }

  /** The newest machines first, at most `MAX_NODES_LISTED`. */
  async list(): Promise<readonly MachineWithUnits[]> {
    const machines = await this.#db
      .selectFrom("machines")
      .selectAll()
      .orderBy("registered_at", "desc")
      .orderBy("id")
      .limit(MAX_NODES_LISTED)
      .execute();
    return this.#withUnits(machines);
  }

  /** @throws AppError `central/node-not-found`. */
  async find(nodeId: NodeId): Promise<MachineWithUnits> {
    const machines = await this.#db.selectFrom("machines").selectAll().where("id", "=", nodeId).execute();
    const [found] = await this.#withUnits(machines);
    if (!found) throw new AppError(MACHINE_ERRORS.NODE_NOT_FOUND, { nodeId });
    return found;
  }

  present({ machine, units }: MachineWithUnits): PublicNode {
    return {
      node_id: machine.id,
      name: machine.name,
      status: machineStatus(machine, this.#presence),
      region: machine.region,
      reputation: reputationToPercent(machine.reputation),
      jobs_completed: machine.jobs_completed,
      devices: units.map(presentUnit),
    };
  }

  async #withUnits(machines: readonly MachineRow[]): Promise<readonly MachineWithUnits[]> {
    if (machines.length === 0) return [];
    const units = await this.#db
      .selectFrom("compute_units")
      .selectAll()
      .where(
        "machine_id",
        "in",
        machines.map((machine) => machine.id),
      )
      .where("status", "<>", "NOT_SHARED")
      .orderBy("device_type")
      .orderBy("device_id")
      .execute();
    const byMachine = Map.groupBy(units, (unit) => unit.machine_id);
    return machines.map((machine) => ({ machine, units: byMachine.get(machine.id) ?? [] }));
  }
}

function presentUnit(unit: UnitRow): PublicNode["devices"][number] {
  return {
    unit_id: unit.id,
    device_type: unit.device_type,
    name: unit.device_name,
    status: unit.status.toLowerCase() as UnitStatus,
    cores: unit.device_type === "cpu" ? unit.cores : null,
    vram_mb: unit.device_type === "gpu" ? Math.floor(Number(unit.memory_bytes) / 1_048_576) : null,
    price_per_hour: formatAmount(unit.price_per_hour as Amount),
    train_gflops: unit.train_flops_per_second === null ? null : speedOf(unit) / 1e9,
    hardware_class: unit.hardware_class,
    calibration: presentCalibration(unit),
  };
}

/** The speed that quotes use. */
function speedOf({ train_flops_per_second, calibration }: UnitRow): number {
  const claimedTrainFlops = train_flops_per_second ?? 0;
  return effectiveSpeed({ claimedTrainFlops, calibration: storedCalibration(calibration) });
}
