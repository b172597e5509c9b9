/**
 * Who uses which device: threads and memory of every unit, handed out and taken back.
 *
 * The sum of what is out never exceeds a unit's allocation, nor the number of assignments what the owner allows. States
 * move only through the market's table of compute units.
 */
import { defined, type UnitId } from "@cyxwiz/primitives";
import { type UnitEvent, unitMachine, type UnitState } from "@cyxwiz/market";
import { NODE_ERRORS } from "../errors.ts";
import type { Allocation } from "./allocation.ts";
import { refusal, type Refusal } from "./refusal.ts";

/** A part of a unit, in use until disposed. */
export interface DeviceLease extends Disposable {
  readonly kind: "acquired";
  readonly unitId: UnitId;
  readonly threads: number;
  readonly memoryBytes: number;
}

export interface DeviceRequest {
  readonly unitId: UnitId;
  readonly assignmentId: string;
  /** 0: all that are free. */
  readonly threads: number;
  /** 0: all that is free. */
  readonly memoryBytes: number;
}

export interface PooledUnit {
  readonly unitId: UnitId;
  readonly allocation: Allocation;
  readonly state: UnitState;
  /** Why it is in a state that takes no work. */
  readonly reason: string;
  readonly usedThreads: number;
  readonly usedMemoryBytes: number;
  readonly assignmentIds: readonly string[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class DevicePool {
  readonly #units: ReadonlyMap<UnitId, Writable<PooledUnit>>;
  readonly #maxJobs: number;
  #jobs = 0;

  /** Units start as the machine's table says and are shared at once: NOT_SHARED → INACTIVE. */
  constructor(units: readonly { readonly unitId: UnitId; readonly allocation: Allocation }[], maxJobs: number) {
    this.#maxJobs = maxJobs;
    const state = unitMachine.move(unitMachine.initial, "sharing-enabled");
    this.#units = new Map(
      units.map((unit) => [
        unit.unitId,
        { ...unit, state, reason: "", usedThreads: 0, usedMemoryBytes: 0, assignmentIds: [] },
      ]),
    );
  }

  /** Threads and memory for one assignment, or why not. */
  acquire(request: DeviceRequest): DeviceLease | Refusal {
    const { unitId } = request;
    const unit = this.#units.get(unitId);
    if (!unit) return refusal(NODE_ERRORS.UNIT_UNKNOWN, { unitId, known: [...this.#units.keys()] });
    if (unit.state !== "ACTIVE")
      return refusal(NODE_ERRORS.UNIT_NOT_READY, { unitId, state: unit.state, reason: unit.reason });
    if (this.#jobs >= this.#maxJobs)
      return refusal(NODE_ERRORS.JOBS_EXCEEDED, { running: this.#jobs, allowed: this.#maxJobs });
    const freeThreads = unit.allocation.threads - unit.usedThreads;
    const threads = request.threads || Math.max(1, freeThreads);
    if (threads > freeThreads) {
      return refusal(NODE_ERRORS.UNIT_FULL, { unitId, what: "threads", need: threads, free: freeThreads });
    }
    const freeBytes = unit.allocation.memoryBytes - unit.usedMemoryBytes;
    const memoryBytes = request.memoryBytes || Math.max(1, freeBytes);
    if (memoryBytes > freeBytes) {
      return refusal(NODE_ERRORS.UNIT_FULL, { unitId, what: "bytes of memory", need: memoryBytes, free: freeBytes });
    }
    return this.#lease(unit, request.assignmentId, { threads, memoryBytes });
  }

  /** Moves one unit. An event that its state does not take changes nothing and gives false. */
  raise(unitId: UnitId, event: UnitEvent, reason: string = ""): boolean {
    const unit = this.#units.get(unitId);
    const moved = unit && unitMachine.next(unit.state, event);
    if (moved?.kind !== "moved") return false;
    const changed = defined(unit, unitId);
    changed.state = moved.state;
    changed.reason = reason;
    return true;
  }

  units(): readonly PooledUnit[] {
    return [...this.#units.values()].map((unit) => Object.freeze(Object.assign({}, unit)));
  }

  #lease(
    unit: Writable<PooledUnit>,
    assignmentId: string,
    part: { threads: number; memoryBytes: number },
  ): DeviceLease {
    unit.usedThreads += part.threads;
    unit.usedMemoryBytes += part.memoryBytes;
    unit.assignmentIds = [...unit.assignmentIds, assignmentId];
    this.#jobs++;
    let isHeld = true;
    return {
      kind: "acquired",
      unitId: unit.unitId,
      ...part,
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        unit.usedThreads -= part.threads;
        unit.usedMemoryBytes -= part.memoryBytes;
        unit.assignmentIds = unit.assignmentIds.filter((id) => id !== assignmentId);
        this.#jobs--;
      },
    };
  }
}
