/**
 * Heartbeats: kept in memory as they come, written together once a second, and turned into states only where something
 * changed. A crash loses the last second of them, which the next beat makes good.
 */
import type { Logger } from "@cyxwiz/platform";
import { errorMessage, type NodeId, type UnitId } from "@cyxwiz/primitives";
import type { UnitEvent, UnitState } from "@cyxwiz/market";
import { sql } from "kysely";
import type { Database } from "../database/open-database.ts";
import { inTransaction, type TransactionContext } from "../database/transaction.ts";
import { periodically } from "../scheduling/periodic.ts";
import { breakAgain } from "./failed-challenges.ts";
import { HEARTBEAT_FLUSH_MS, INACTIVE_AFTER_MS, INACTIVE_SWEEP_MS, PRESENCE_SWEEP_MS } from "./limits.ts";
import { raiseNodeEvent, raiseUnitEvent } from "./machine-state.ts";
import type { BeatPath, Presence } from "./presence.ts";

/** What a heartbeat says about one unit. */
export interface UnitBeat {
  readonly unitId: UnitId;
  readonly status: UnitState;
  /** 0 to 100. */
  readonly loadPercent: number;
}

export interface HeartbeatOptions extends TransactionContext {
  readonly logger: Logger;
  readonly presence: Presence;
  /** Called when a node or unit may take work again. */
  readonly onAvailable: () => void;
}

export class HeartbeatService {
  readonly #options: HeartbeatOptions;
  /** Nodes that the database shows as online. */
  readonly #shownOnline = new Set<NodeId>();
  readonly #unwritten = new Map<NodeId, Date>();
  /** What each node last said about its units. Kept by node, so that nobody speaks about another's units. */
  readonly #latest = new Map<NodeId, ReadonlyMap<UnitId, UnitBeat>>();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Reads who was online before a restart. */
  async load(): Promise<void> {
    const rows = await this.#options.db
      .selectFrom("machines")
      .select(["id", "state", "last_seen_at"])
      .where("state", "in", ["ACTIVE", "BUSY"])
      .execute();
    for (const row of rows) {
      this.#shownOnline.add(row.id as NodeId);
      if (row.last_seen_at) this.#options.presence.seed(row.id as NodeId, row.last_seen_at);
    }
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const loop = { clock: this.#options.clock, logger: this.#options.logger, signal };
    await Promise.all([
      periodically({ ...loop, name: "heartbeat-flush", everyMs: HEARTBEAT_FLUSH_MS }, () => this.flush()),
      periodically({ ...loop, name: "presence-sweep", everyMs: PRESENCE_SWEEP_MS }, () => this.sweep()),
      periodically({ ...loop, name: "inactive-sweep", everyMs: INACTIVE_SWEEP_MS }, () => this.sweepInactive()),
    ]);
  }

  /** Takes one beat of a node whose caller was checked. Touches the database only where a state changes. */
  async beat(nodeId: NodeId, path: BeatPath, units: readonly UnitBeat[]): Promise<void> {
    const { clock, presence } = this.#options;
    presence.beat(nodeId, path);
    this.#unwritten.set(nodeId, new Date(clock.now()));
    if (!this.#shownOnline.has(nodeId)) await this.#returned(nodeId);
    if (units.length === 0) return;
    const before = this.#latest.get(nodeId);
    this.#latest.set(nodeId, new Map(units.map((unit) => [unit.unitId, unit])));
    for (const unit of units) {
      if (before?.get(unit.unitId)?.status !== unit.status) await this.#statusReported(nodeId, unit);
    }
  }

  /** Called by a registration, which is a sign of life like a beat and has already written the state. */
  registered(nodeId: NodeId): void {
    this.#shownOnline.add(nodeId);
    this.#options.onAvailable();
  }

  /** What the node last said about a unit, if it spoke since the server started. */
  latest(nodeId: NodeId, unitId: UnitId): UnitBeat | undefined {
    return this.#latest.get(nodeId)?.get(unitId);
  }

  /** Writes what came since the last flush: one statement for all nodes, one for all units. */
  async flush(): Promise<void> {
    const beats = [...this.#unwritten];
    this.#unwritten.clear();
    try {
      await this.#writeBeats(beats);
      await this.#writeLoads(beats.map(([nodeId]) => nodeId));
    } catch (error) {
      for (const [nodeId, at] of beats) if (!this.#unwritten.has(nodeId)) this.#unwritten.set(nodeId, at);
      throw error;
    }
  }

  /** Records who fell silent: node OFFLINE, its active units OFFLINE. */
  async sweep(): Promise<void> {
    const { logger, presence } = this.#options;
    for (const nodeId of this.#shownOnline) {
      if (presence.isOnline(nodeId)) continue;
      this.#shownOnline.delete(nodeId);
      try {
        await inTransaction(this.#options, (transaction) => wentSilent(transaction, nodeId));
      } catch (error) {
        this.#shownOnline.add(nodeId);
        throw error;
      }
      logger.info("a node fell silent", { nodeId });
    }
  }

  /** Records who has been silent for seven days: node INACTIVE. */
  async sweepInactive(): Promise<void> {
    const { db, clock } = this.#options;
    const silentSince = new Date(clock.now() - INACTIVE_AFTER_MS);
    const abandoned = await db
      .selectFrom("machines")
      .select("id")
      .where("state", "=", "OFFLINE")
      .where("last_seen_at", "<", silentSince)
      .execute();
    for (const row of abandoned) {
      await inTransaction(this.#options, (transaction) =>
        raiseNodeEvent(transaction, row.id as NodeId, "silent-for-days"),
      );
    }
  }

  async #returned(nodeId: NodeId): Promise<void> {
    const { logger, onAvailable } = this.#options;
    this.#shownOnline.add(nodeId);
    try {
      await inTransaction(this.#options, (transaction) => cameBack(transaction, nodeId));
    } catch (error) {
      this.#shownOnline.delete(nodeId);
      logger.warn("a returning node could not be recorded; its next beat tries again", {
        nodeId,
        error: errorMessage(error),
      });
      throw error;
    }
    onAvailable();
  }

  /** A node pauses, resumes and tests its own units; what its state does not take is ignored. */
  async #statusReported(nodeId: NodeId, unit: UnitBeat): Promise<void> {
    const { onAvailable } = this.#options;
    const moved = await inTransaction(this.#options, async (transaction) => {
      const row = await transaction
        .selectFrom("compute_units")
        .select(["status", "status_reason"])
        .where("id", "=", unit.unitId)
        .where("machine_id", "=", nodeId)
        .executeTakeFirst();
      const event = row && eventBetween({ ...row, status: row.status as UnitState }, unit.status);
      const state = event && (await raiseUnitEvent(transaction, unit.unitId, event, REASONS[event] ?? null));
      return state === "ACTIVE" && (await breakAgain(transaction, unit.unitId)) ? "ERROR" : state;
    });
    if (moved === "ACTIVE") onAvailable();
  }

  async #writeBeats(beats: readonly (readonly [NodeId, Date])[]): Promise<void> {
    if (beats.length === 0) return;
    const ids = beats.map(([nodeId]) => nodeId as string);
    const times = beats.map(([, at]) => at);
    await sql`
      update machines set last_seen_at = beat.at
      from unnest(${ids}::uuid[], ${times}::timestamptz[]) as beat (id, at)
      where machines.id = beat.id
    `.execute(this.#options.db);
  }

  async #writeLoads(nodes: readonly NodeId[]): Promise<void> {
    const loads = nodes.flatMap((nodeId) =>
      [...(this.#latest.get(nodeId)?.values() ?? [])].map((unit) => ({ nodeId, ...unit })),
    );
    if (loads.length === 0) return;
    const ids = loads.map((load) => load.unitId as string);
    const machines = loads.map((load) => load.nodeId as string);
    const percents = loads.map((load) => load.loadPercent);
    await sql`
      update compute_units set load_percent = load.percent
      from unnest(${ids}::text[], ${machines}::uuid[], ${percents}::real[]) as load (id, machine_id, percent)
      where compute_units.id = load.id and compute_units.machine_id = load.machine_id
    `.execute(this.#options.db);
  }
}

async function wentSilent(transaction: Database, nodeId: NodeId): Promise<void> {
  await raiseNodeEvent(transaction, nodeId, "went-silent");
  for (const unitId of await unitsIn(transaction, nodeId, "ACTIVE")) {
    await raiseUnitEvent(transaction, unitId, "heartbeat-lost");
  }
}

async function cameBack(transaction: Database, nodeId: NodeId): Promise<void> {
  await raiseNodeEvent(transaction, nodeId, "heartbeat");
  const running = await transaction
    .selectFrom("assignments")
    .select("id")
    .where("machine_id", "=", nodeId)
    .where("ended_at", "is", null)
    .limit(1)
    .executeTakeFirst();
  if (running) await raiseNodeEvent(transaction, nodeId, "work-started");
  for (const unitId of await unitsIn(transaction, nodeId, "OFFLINE")) {
    await raiseUnitEvent(transaction, unitId, "heartbeat-returned");
    // Whoever is silent while its answer is found wrong does not come back as if nothing had been.
    await breakAgain(transaction, unitId);
  }
}

async function unitsIn(transaction: Database, nodeId: NodeId, status: UnitState): Promise<readonly UnitId[]> {
  const rows = await transaction
    .selectFrom("compute_units")
    .select("id")
    .where("machine_id", "=", nodeId)
    .where("status", "=", status)
    .execute();
  return rows.map((row) => row.id as UnitId);
}

/** Why a unit is in ERROR when its own node said so. */
const REPORTED_BY_NODE = "its node reports an error";
const REASONS: { readonly [event in UnitEvent]?: string } = { paused: "node", "self-test-failed": REPORTED_BY_NODE };

/** A node takes back an error that it reported itself. One that a challenge found is ended by a passed challenge alone. */
function eventBetween(
  recorded: { readonly status: UnitState; readonly status_reason: string | null },
  reported: UnitState,
): UnitEvent | undefined {
  const { status, status_reason } = recorded;
  if (reported === "PAUSED") return status === "PAUSED" ? undefined : "paused";
  if (reported === "ERROR") return status === "ERROR" ? undefined : "self-test-failed";
  if (reported !== "ACTIVE") return undefined;
  if (status === "PAUSED") return "resumed";
  return status === "ERROR" && status_reason === REPORTED_BY_NODE ? "self-test-passed" : undefined;
}
