/**
 * The live attempts of this server, in memory: what progress must be checked against many times a second, and the
 * leases that it extends. The database has the same a second later; what is not in memory is read from there.
 */
import {
  AppError,
  isUuid,
  type AssignmentId,
  type JobId,
  type NodeId,
  type UnitId,
  type UserId,
} from "@cyxwiz/primitives";
import type { AssignmentKind } from "@cyxwiz/market";
import type { Clock } from "@cyxwiz/platform";
import { sql } from "kysely";
import type { Database } from "../database/open-database.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import { LEASE_MS } from "./limits.ts";

export interface LiveAssignment {
  readonly assignmentId: AssignmentId;
  readonly jobId: JobId;
  readonly nodeId: NodeId;
  readonly ownerId: UserId;
  readonly unitId: UnitId;
  readonly kind: AssignmentKind;
  readonly fencingToken: bigint;
  readonly totalSteps: number;
  /** The first step was reported. */
  isRunning: boolean;
  /** Times it was handed again to a node that came back without it. */
  resends: number;
}

/** Names an attempt as a node's report does. */
export interface AssignmentClaim {
  readonly nodeId: NodeId;
  readonly assignmentId: AssignmentId;
  readonly fencingToken: bigint;
}

export class LiveAssignments {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #known = new Map<AssignmentId, LiveAssignment>();
  readonly #extended = new Set<AssignmentId>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** @throws AppError `central/assignment-over`, `central/fencing-token-mismatch`. */
  async require({ nodeId, assignmentId, fencingToken }: AssignmentClaim): Promise<LiveAssignment> {
    const live = this.#known.get(assignmentId) ?? (await this.#load(assignmentId));
    if (!live || live.nodeId !== nodeId) throw new AppError(ASSIGNMENT_ERRORS.ASSIGNMENT_OVER, { assignmentId });
    if (live.fencingToken !== fencingToken) {
      const context = { assignmentId, token: String(fencingToken), current: String(live.fencingToken) };
      throw new AppError(ASSIGNMENT_ERRORS.TOKEN_STALE, context);
    }
    return live;
  }

  /** The attempts that a node has in hand, as the database says. */
  async ofNode(nodeId: NodeId): Promise<readonly LiveAssignment[]> {
    const rows = await this.#rows().where("assignments.machine_id", "=", nodeId).execute();
    return rows.map((row) => this.#keep(row));
  }

  /** The node says that it still works on these: the leases of those that are its own go on. */
  async stillRunning(
    nodeId: NodeId,
    running: readonly { assignmentId: string; fencingToken: bigint }[],
  ): Promise<void> {
    for (const { assignmentId, fencingToken } of running) {
      const id = assignmentId as AssignmentId;
      const live = this.#known.get(id) ?? (isUuid(id) ? await this.#load(id) : undefined);
      if (live?.nodeId === nodeId && live.fencingToken === fencingToken) this.extend(live.assignmentId);
    }
  }

  /** Those of the given attempts that are live. */
  async byIds(ids: readonly string[]): Promise<readonly LiveAssignment[]> {
    if (ids.length === 0) return [];
    const rows = await this.#rows()
      .where("assignments.id", "in", [...ids])
      .execute();
    return rows.map((row) => this.#keep(row));
  }

  /** The node is alive and still works on it: its lease is one full period from now. Written by the next flush. */
  extend(assignmentId: AssignmentId): void {
    this.#extended.add(assignmentId);
  }

  /** It has ended: what comes under its id is refused from now on. */
  forget(assignmentId: AssignmentId): void {
    this.#known.delete(assignmentId);
    this.#extended.delete(assignmentId);
  }

  async flush(): Promise<void> {
    const ids = [...this.#extended];
    if (ids.length === 0) return;
    this.#extended.clear();
    try {
      await this.#db
        .updateTable("assignments")
        .set({ lease_expires_at: this.#leaseEnd() })
        .where("id", "in", ids)
        // An offer is taken within its lease or lapses: a node that only lists it holds nobody up.
        .where("state", "<>", "OFFERED")
        .where("ended_at", "is", null)
        .execute();
    } catch (error) {
      for (const id of ids) this.#extended.add(id);
      throw error;
    }
  }

  /** After a start: nobody could beat while the server was away, so every lease gets one full period. */
  async renewAll(): Promise<void> {
    await this.#db
      .updateTable("assignments")
      .set({ lease_expires_at: this.#leaseEnd() })
      .where("ended_at", "is", null)
      .execute();
  }

  async #load(assignmentId: AssignmentId): Promise<LiveAssignment | undefined> {
    const row = await this.#rows().where("assignments.id", "=", assignmentId).executeTakeFirst();
    return row && this.#keep(row);
  }

  #rows() {
    return this.#db
      .selectFrom("assignments")
      .innerJoin("jobs", "jobs.id", "assignments.job_id")
      .innerJoin("machines", "machines.id", "assignments.machine_id")
      .select([
        "assignments.id",
        "assignments.job_id",
        "assignments.machine_id",
        "assignments.unit_id",
        "assignments.kind",
        "assignments.fencing_token",
        "assignments.state",
        "machines.owner_id",
        "jobs.total_steps",
        sql<boolean>`assignments.state = 'RUNNING'`.as("is_running"),
      ])
      .where("assignments.ended_at", "is", null);
  }

  #keep(row: LiveRow): LiveAssignment {
    const known = this.#known.get(row.id as AssignmentId);
    if (known) return known;
    const live: LiveAssignment = {
      assignmentId: row.id as AssignmentId,
      jobId: row.job_id as JobId,
      nodeId: row.machine_id as NodeId,
      ownerId: row.owner_id as UserId,
      unitId: row.unit_id as UnitId,
      kind: row.kind,
      fencingToken: row.fencing_token,
      totalSteps: Number(row.total_steps),
      isRunning: row.is_running,
      resends: 0,
    };
    this.#known.set(live.assignmentId, live);
    return live;
  }

  #leaseEnd(): Date {
    return new Date(this.#clock.now() + LEASE_MS);
  }
}

interface LiveRow {
  readonly id: string;
  readonly job_id: string;
  readonly machine_id: string;
  readonly unit_id: string;
  readonly kind: AssignmentKind;
  readonly fencing_token: bigint;
  readonly owner_id: string;
  readonly total_steps: bigint;
  readonly is_running: boolean;
}
