/**
 * Taking a machine in: one row for machine and node, one per shared device, in one transaction.
 *
 * The same owner may register the same key again at any time: hardware, units and endpoint are replaced, unit ids and
 * what was earned stay. Another owner is refused. Devices that a new registration leaves out are no longer shared; what
 * runs on them is finished under its lease.
 */
import { nodeMachine, REPUTATION_START, unitMachine, type DeviceType, type UnitState } from "@cyxwiz/market";
import { AppError, type NodeId, type UnitId, type UserId } from "@cyxwiz/primitives";
import type { Hardware } from "@cyxwiz/protocol/rest";
import type { Database } from "../database/open-database.ts";
import { inTransaction, type TransactionContext } from "../database/transaction.ts";
import { breakAgain } from "./failed-challenges.ts";
import { MACHINE_ERRORS } from "./machine-errors.ts";
import { raiseNodeEvent, raiseUnitEvent, registrationPath } from "./machine-state.ts";
import { newNodeKey, type NodeKey } from "./node-key.ts";
import type { BeatPath, Presence } from "./presence.ts";
import type { SharedUnit } from "./unit-allocation.ts";
import { newUnitId } from "./unit-id.ts";

/** Who reported the hardware. What came by REST is richer and is not overwritten by what an older service sends. */
export type StoredHardware = Hardware & { readonly source: "rest" | "grpc" };

export interface MachineRegistration {
  readonly nodeId: NodeId;
  readonly ownerId: UserId;
  readonly publicKey: Uint8Array;
  /** Whether the caller showed that it holds the key. */
  readonly proven: boolean;
  readonly name: string;
  readonly hostname: string;
  readonly os: string;
  readonly ipAddress: string;
  readonly port: number | null;
  readonly region: string | null;
  readonly fingerprint: string | null;
  readonly version: string | null;
  readonly hardware: StoredHardware;
  readonly units: readonly SharedUnit[];
}

interface RegisteredUnit {
  readonly unitId: UnitId;
  readonly deviceType: DeviceType;
  readonly deviceId: number;
  readonly status: UnitState;
}

export interface RegisteredMachine {
  readonly nodeId: NodeId;
  /** Only for a registration by REST, which hands out a new key each time. */
  readonly apiKey: string | undefined;
  readonly units: readonly RegisteredUnit[];
}

export interface RegistrationOptions extends TransactionContext {
  readonly presence: Presence;
  /** Called after the commit: the node may take work now. */
  readonly onRegistered: (nodeId: NodeId) => void;
}

export class RegistrationService {
  readonly #options: RegistrationOptions;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** @throws AppError `central/machine-key-taken`. */
  async register(registration: MachineRegistration): Promise<RegisteredMachine> {
    const { presence, onRegistered } = this.#options;
    const { nodeId, hardware } = registration;
    const key = newNodeKey();
    const units = await inTransaction(this.#options, async (transaction) => {
      const replaceUnits = await this.#saveMachine(transaction, registration, key);
      if (replaceUnits) await this.#saveUnits(transaction, registration);
      return unitsOf(transaction, nodeId);
    });
    presence.beat(nodeId, hardware.source satisfies BeatPath);
    onRegistered(nodeId);
    return { nodeId, apiKey: hardware.source === "rest" ? key.key : undefined, units };
  }

  /** Inserts or updates the machine. True when the reported hardware and units replace those on record. */
  async #saveMachine(transaction: Database, registration: MachineRegistration, key: NodeKey): Promise<boolean> {
    const { nodeId, ownerId, hardware } = registration;
    const known = await transaction
      .selectFrom("machines")
      .select(["id", "owner_id", "hardware"])
      .where((eb) => eb.or([eb("id", "=", nodeId), eb("public_key", "=", Buffer.from(registration.publicKey))]))
      .forUpdate()
      .executeTakeFirst();
    if (!known) {
      await this.#insertMachine(transaction, registration, key);
      return true;
    }
    if (known.owner_id !== ownerId) throw new AppError(MACHINE_ERRORS.KEY_TAKEN, { machineId: nodeId });
    const replaces = hardware.source === "rest" || (known.hardware as StoredHardware).source === "grpc";
    await transaction
      .updateTable("machines")
      .set({
        ...endpointOf(registration),
        ...(replaces && { ...descriptionOf(registration), hardware: JSON.stringify(hardware) }),
        ...(hardware.source === "rest" && { api_key_hash: Buffer.from(key.hash) }),
        last_seen_at: this.#now(),
      })
      .where("id", "=", nodeId)
      .execute();
    await raiseNodeEvent(transaction, nodeId, "registered");
    // A key that signs and a fresh measurement are what an INACTIVE node is asked for.
    if (registration.proven) await raiseNodeEvent(transaction, nodeId, "challenge-passed");
    return replaces;
  }

  async #insertMachine(transaction: Database, registration: MachineRegistration, key: NodeKey): Promise<void> {
    await transaction
      .insertInto("machines")
      .values({
        id: registration.nodeId,
        owner_id: registration.ownerId,
        public_key: Buffer.from(registration.publicKey),
        api_key_hash: Buffer.from(key.hash),
        ...endpointOf(registration),
        ...descriptionOf(registration),
        hardware: JSON.stringify(registration.hardware),
        state: nodeMachine.move(nodeMachine.initial, "registered"),
        reputation: REPUTATION_START,
        last_seen_at: this.#now(),
        registered_at: this.#now(),
      })
      .execute();
  }

  async #saveUnits(transaction: Database, registration: MachineRegistration): Promise<void> {
    const { nodeId, units } = registration;
    const known = await transaction
      .selectFrom("compute_units")
      .select(["id", "device_type", "device_id", "status"])
      .where("machine_id", "=", nodeId)
      .execute();
    const shared = units.filter((unit) => unit.memoryBytes > 0n);
    for (const row of known) {
      const kept = shared.some((unit) => unit.deviceType === row.device_type && unit.deviceId === row.device_id);
      if (!kept) await raiseUnitEvent(transaction, row.id as UnitId, "sharing-disabled");
    }
    for (const unit of shared) {
      const before = known.find((row) => row.device_type === unit.deviceType && row.device_id === unit.deviceId);
      const unitId = (before?.id ?? newUnitId(unit.deviceType, unit.deviceId, this.#options.random)) as UnitId;
      await this.#saveUnit(transaction, registration, unitId, unit);
      for (const event of registrationPath((before?.status ?? unitMachine.initial) as UnitState)) {
        await raiseUnitEvent(transaction, unitId, event);
      }
      // What failed a challenge comes back as it left, however often it is shared anew.
      await breakAgain(transaction, unitId);
    }
  }

  async #saveUnit(
    transaction: Database,
    { nodeId, ownerId }: MachineRegistration,
    unitId: UnitId,
    unit: SharedUnit,
  ): Promise<void> {
    const described = {
      device_name: unit.deviceName,
      allocation: JSON.stringify(unit.allocation),
      cores: unit.cores,
      memory_bytes: unit.memoryBytes,
      price_per_hour: unit.pricePerHour,
      train_flops_per_second: unit.benchmark?.train_flops_per_second ?? null,
      lowering: unit.benchmark?.lowering ?? null,
      build: unit.benchmark?.build ?? null,
      hardware_class: unit.benchmark?.hardware_class ?? null,
    };
    await transaction
      .insertInto("compute_units")
      .values({
        id: unitId,
        machine_id: nodeId,
        owner_id: ownerId,
        device_type: unit.deviceType,
        device_id: unit.deviceId,
        ...described,
        status: unitMachine.initial,
        registered_at: this.#now(),
      })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(described))
      .execute();
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** The units that a machine shares, in the order of their devices. */
async function unitsOf(db: Database, nodeId: NodeId): Promise<readonly RegisteredUnit[]> {
  const rows = await db
    .selectFrom("compute_units")
    .select(["id", "device_type", "device_id", "status"])
    .where("machine_id", "=", nodeId)
    .where("status", "<>", "NOT_SHARED")
    .orderBy("device_type")
    .orderBy("device_id")
    .execute();
  return rows.map((row) => ({
    unitId: row.id as UnitId,
    deviceType: row.device_type,
    deviceId: row.device_id,
    status: row.status as UnitState,
  }));
}

type Endpoint = {
  name: string;
  ip_address: string;
  port: number | null;
  region: string | null;
  version: string | null;
};

function endpointOf(registration: MachineRegistration): Endpoint {
  const { name, ipAddress, port, region, version } = registration;
  return { name, ip_address: ipAddress, port, region, version };
}

function descriptionOf(registration: MachineRegistration): {
  hostname: string;
  os: string;
  fingerprint: string | null;
} {
  const { hostname, os, fingerprint } = registration;
  return { hostname, os, fingerprint };
}
