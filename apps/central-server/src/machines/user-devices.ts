/**
 * An owner's machines with every device, shared or not, and what each unit earned.
 *
 * Earnings are sums over `unit_earnings`, the same rows that the settlements wrote, so they add up to the payments to
 * the last base unit. A day is a UTC day.
 */
import type { Clock } from "@cyxwiz/platform";
import { amount, formatAmount, toDisplayNumber, type NodeId, type UnitId, type UserId } from "@cyxwiz/primitives";
import type { Allocation, UserDevices } from "@cyxwiz/protocol/rest";
import { sql } from "kysely";
import type { Database } from "../database/open-database.ts";
import type { HeartbeatService } from "./heartbeat-service.ts";
import { machineStatus, type MachineRow, type UnitRow, type UnitStatus } from "./node-directory.ts";
import type { Presence } from "./presence.ts";
import type { StoredHardware } from "./registration-service.ts";

type OwnedMachine = UserDevices["machines"][number];
type OwnedUnit = NonNullable<OwnedMachine["hardware"]["gpus"][number]["compute_unit"]>;

interface Earned {
  readonly today: bigint;
  readonly total: bigint;
}

const NOTHING: Earned = { today: 0n, total: 0n };

export interface UserDevicesOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly presence: Presence;
  readonly heartbeats: Pick<HeartbeatService, "latest">;
}

export class UserDevicesQuery {
  readonly #options: UserDevicesOptions;

  constructor(options: UserDevicesOptions) {
    this.#options = options;
  }

  async of(ownerId: UserId): Promise<UserDevices> {
    const { db } = this.#options;
    const machines = await db
      .selectFrom("machines")
      .selectAll()
      .where("owner_id", "=", ownerId)
      .orderBy("registered_at")
      .execute();
    const units = await db.selectFrom("compute_units").selectAll().where("owner_id", "=", ownerId).execute();
    const earned = await this.#earnings(ownerId);
    const tasks = await this.#runningJobs(units);
    const twins = await this.#twins(machines);
    const byMachine = Map.groupBy(units, (unit) => unit.machine_id);
    const shown = machines.map((machine) =>
      this.#presentMachine(machine, {
        units: byMachine.get(machine.id) ?? [],
        earned,
        tasks,
        twins: twins.get(machine.id) ?? [],
      }),
    );
    return { machines: shown, summary: this.#summary(shown, units, earned) };
  }

  #presentMachine(
    machine: MachineRow,
    about: {
      readonly units: readonly UnitRow[];
      readonly earned: ReadonlyMap<string, Earned>;
      readonly tasks: ReadonlyMap<string, string>;
      readonly twins: readonly string[];
    },
  ): OwnedMachine {
    const hardware = machine.hardware as StoredHardware;
    const unitOn = (type: "cpu" | "gpu", deviceId: number): { is_shared: boolean; compute_unit?: OwnedUnit } => {
      const unit = about.units.find((row) => row.device_type === type && row.device_id === deviceId);
      if (!unit) return { is_shared: false };
      const shown = this.#presentUnit(unit, about.earned.get(unit.id) ?? NOTHING, about.tasks.get(unit.id));
      return { is_shared: unit.status !== "NOT_SHARED", compute_unit: shown };
    };
    const lastSeen = this.#options.presence.lastSeen(machine.id as NodeId) ?? machine.last_seen_at;
    return {
      machine_id: machine.id,
      name: machine.name,
      hostname: machine.hostname,
      os: machine.os,
      status: machineStatus(machine, this.#options.presence),
      last_seen: lastSeen?.toISOString() ?? null,
      shared_fingerprint_with: [...about.twins],
      hardware: {
        cpus: hardware.cpus.map((cpu) => ({ ...cpu, ...unitOn("cpu", cpu.device_id) })),
        gpus: hardware.gpus.map((gpu) => ({ ...gpu, ...unitOn("gpu", gpu.device_id) })),
        ram_total_gb: hardware.ram_total_gb,
        storage_total_gb: hardware.storage_total_gb,
      },
    };
  }

  #presentUnit(unit: UnitRow, earned: Earned, jobId: string | undefined): OwnedUnit {
    const allocation = unit.allocation as Allocation;
    const beat = this.#options.heartbeats.latest(unit.machine_id as NodeId, unit.id as UnitId);
    return {
      unit_id: unit.id,
      status: unit.status.toLowerCase() as UnitStatus,
      status_reason: unit.status_reason,
      vram_allocated_mb: unit.device_type === "gpu" ? Number(unit.memory_bytes) / 1_048_576 : null,
      cores_allocated: unit.device_type === "cpu" ? (allocation.cores_allocated ?? unit.cores) : null,
      current_load_percent: beat?.loadPercent ?? unit.load_percent,
      current_task_id: jobId ?? null,
      price_per_hour: formatAmount(amount(unit.price_per_hour)),
      earnings_today: toDisplayNumber(amount(earned.today)),
      total_earnings: toDisplayNumber(amount(earned.total)),
      earnings_today_exact: formatAmount(amount(earned.today)),
      total_earnings_exact: formatAmount(amount(earned.total)),
    };
  }

  #summary(
    machines: readonly OwnedMachine[],
    units: readonly UnitRow[],
    earned: ReadonlyMap<string, Earned>,
  ): UserDevices["summary"] {
    const total = amount([...earned.values()].reduce((sum, one) => sum + one.total, 0n));
    const today = amount([...earned.values()].reduce((sum, one) => sum + one.today, 0n));
    const active = (type: "cpu" | "gpu"): number =>
      units.filter((unit) => unit.device_type === type && unit.status === "ACTIVE").length;
    return {
      total_machines: machines.length,
      online_machines: machines.filter((machine) => machine.status === "online").length,
      active_gpus: active("gpu"),
      active_cpus: active("cpu"),
      total_earnings: toDisplayNumber(total),
      earnings_today: toDisplayNumber(today),
      total_earnings_exact: formatAmount(total),
      earnings_today_exact: formatAmount(today),
    };
  }

  async #earnings(ownerId: UserId): Promise<ReadonlyMap<string, Earned>> {
    const midnight = new Date(this.#options.clock.now());
    midnight.setUTCHours(0, 0, 0, 0);
    const rows = await this.#options.db
      .selectFrom("unit_earnings")
      .select([
        "unit_id",
        sql<bigint>`sum(amount)::bigint`.as("total"),
        sql<bigint>`coalesce(sum(amount) filter (where earned_at >= ${midnight}), 0)::bigint`.as("today"),
      ])
      .where("owner_id", "=", ownerId)
      .groupBy("unit_id")
      .execute();
    return new Map(rows.map((row) => [row.unit_id, { total: row.total, today: row.today }]));
  }

  /** The job that each unit works on now. */
  async #runningJobs(units: readonly UnitRow[]): Promise<ReadonlyMap<string, string>> {
    if (units.length === 0) return new Map();
    const rows = await this.#options.db
      .selectFrom("assignments")
      .select(["unit_id", "job_id"])
      .where(
        "unit_id",
        "in",
        units.map((unit) => unit.id),
      )
      .where("ended_at", "is", null)
      .execute();
    return new Map(rows.map((row) => [row.unit_id, row.job_id]));
  }

  /** Other online nodes that report the same hardware: they sell one computer's devices together, never twice. */
  async #twins(machines: readonly MachineRow[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const fingerprints = machines.flatMap((machine) => machine.fingerprint ?? []);
    if (fingerprints.length === 0) return new Map();
    const rows = await this.#options.db
      .selectFrom("machines")
      .select(["id", "fingerprint"])
      .where("fingerprint", "in", fingerprints)
      .execute();
    const online = rows.filter((row) => this.#options.presence.isOnline(row.id as NodeId));
    return new Map(
      machines.map((machine) => [
        machine.id,
        online.filter((row) => row.fingerprint === machine.fingerprint && row.id !== machine.id).map((row) => row.id),
      ]),
    );
  }
}
