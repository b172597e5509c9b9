/** When each unit is asked next: in memory, because intervals without memory may be drawn again after a restart. */
import {
  drawInterval,
  IDLE_MS,
  isDue,
  MEAN_INTERVAL_MS,
  nextChallengeIn,
  outcomeCounts,
  registrationIsDue,
  type Calibration,
  type ChallengeOutcome,
} from "@cyxwiz/market";
import type { Clock } from "@cyxwiz/platform";
import type { NodeId, UnitId } from "@cyxwiz/primitives";
import type { ChallengeCause } from "./challenge-log.ts";
import type { ChallengeUnit } from "./challenge-units.ts";
import { AWAY_LONGEST_MS, AWAY_RETRY_MS, WORKING_RETRY_MS } from "./limits.ts";

interface Slot {
  nextAt: number;
  cause: ChallengeCause;
  outcome: ChallengeOutcome | undefined;
  timesInRow: number;
  timesAway: number;
}

export class ChallengeSchedule {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #slots = new Map<UnitId, Slot>();
  readonly #registered = new Set<NodeId>();
  /** Since when a device has been seen without work. */
  readonly #idleSince = new Map<string, number>();
  #readAt = -Infinity;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  registered(nodeId: NodeId): void {
    this.#registered.add(nodeId);
  }

  /** Whether it is worth reading the fleet. */
  get isPending(): boolean {
    const now = this.#clock.now();
    if (this.#readAt === -Infinity || this.#registered.size > 0) return true;
    return [...this.#slots.values()].some((slot) => slot.nextAt <= now);
  }

  /** Takes in the fleet as it is now and returns who is due, the longest waiting first. */
  due(units: readonly ChallengeUnit[]): readonly ChallengeUnit[] {
    const now = this.#clock.now();
    this.#forgetAbsent(units);
    for (const unit of units) this.#see(unit, now);
    this.#registered.clear();
    // What happened since the last look is only known when that was a moment ago.
    if (now - this.#readAt > IDLE_MS) this.#idleSince.clear();
    this.#readAt = now;
    this.#noteIdle(units, now);
    const waiting = units.filter((unit) => this.#slotOf(unit).nextAt <= now && this.#mayAnswer(unit, now));
    return waiting
      .filter((unit) =>
        isDue({ now, nextAt: this.#slotOf(unit).nextAt, idleSince: this.#idleSince.get(unit.deviceKey) }),
      )
      .toSorted((a, b) => this.#slotOf(a).nextAt - this.#slotOf(b).nextAt);
  }

  /** Whether a unit's device has been idle long enough to be asked along with another. */
  isIdle(unit: ChallengeUnit): boolean {
    const idleSince = this.#idleSince.get(unit.deviceKey);
    return idleSince !== undefined && this.#clock.now() - idleSince >= IDLE_MS;
  }

  causeOf(unit: ChallengeUnit): ChallengeCause {
    return this.#slotOf(unit).cause;
  }

  /** Nobody is asked twice at the same time. */
  started(unit: ChallengeUnit): void {
    this.#slotOf(unit).nextAt = Infinity;
  }

  ended(
    unit: ChallengeUnit,
    end: { outcome: ChallengeOutcome; calibration: Calibration | undefined; hasCompanyLeft: boolean },
  ): void {
    const slot = this.#slotOf(unit);
    slot.timesInRow = slot.outcome === end.outcome ? slot.timesInRow + 1 : 1;
    slot.outcome = end.outcome;
    if (end.outcome === "passed") slot.cause = end.hasCompanyLeft ? "company" : "random";
    slot.nextAt = this.#clock.now() + nextChallengeIn({ ...end, timesInRow: slot.timesInRow, random: this.#random });
  }

  #see(unit: ChallengeUnit, now: number): void {
    const slot = this.#slots.get(unit.unitId);
    const isNew = !unit.isMeasured || (this.#registered.has(unit.nodeId) && this.#callsForOne(unit, now));
    if (!slot) {
      const nextAt = isNew || unit.status === "ERROR" ? now : now + drawInterval(MEAN_INTERVAL_MS, this.#random);
      const cause = isNew ? "registration" : "random";
      this.#slots.set(unit.unitId, { nextAt, cause, outcome: undefined, timesInRow: 0, timesAway: 0 });
      return;
    }
    if (!this.#registered.has(unit.nodeId)) return;
    slot.timesAway = 0;
    // After a miss the back-off stays: registering again buys no quick second try.
    const mayHurry = slot.outcome === undefined || slot.outcome === "passed" || !outcomeCounts(slot.outcome);
    if (isNew && mayHurry) Object.assign(slot, { nextAt: Math.min(slot.nextAt, now), cause: "registration" });
  }

  #callsForOne(unit: ChallengeUnit, now: number): boolean {
    return registrationIsDue({ ...unit, now, isBroken: unit.status === "ERROR" });
  }

  /** Puts off a due unit that could not answer now. */
  #mayAnswer(unit: ChallengeUnit, now: number): boolean {
    const slot = this.#slotOf(unit);
    if (!unit.isHere || (unit.status !== "ACTIVE" && unit.status !== "ERROR")) {
      slot.nextAt = now + Math.min(AWAY_LONGEST_MS, AWAY_RETRY_MS * 2 ** Math.min(slot.timesAway++, 20));
      return false;
    }
    slot.timesAway = 0;
    if (this.#idleSince.has(unit.deviceKey)) return true;
    slot.nextAt = now + WORKING_RETRY_MS;
    return false;
  }

  #noteIdle(units: readonly ChallengeUnit[], now: number): void {
    const working = new Set(units.filter((unit) => unit.activeJobs > 0).map((unit) => unit.deviceKey));
    for (const { deviceKey } of units) {
      if (working.has(deviceKey)) this.#idleSince.delete(deviceKey);
      else if (!this.#idleSince.has(deviceKey)) this.#idleSince.set(deviceKey, now);
    }
  }

  #forgetAbsent(units: readonly ChallengeUnit[]): void {
    const present = new Set(units.map((unit) => unit.unitId));
    const devices = new Set(units.map((unit) => unit.deviceKey));
    for (const unitId of this.#slots.keys()) if (!present.has(unitId)) this.#slots.delete(unitId);
    for (const key of this.#idleSince.keys()) if (!devices.has(key)) this.#idleSince.delete(key);
  }

  #slotOf({ unitId }: ChallengeUnit): Slot {
    const slot = this.#slots.get(unitId);
    if (slot) return slot;
    // A unit that is no longer shared ends its last challenge here; nothing asks for it again.
    return { nextAt: Infinity, cause: "random", outcome: undefined, timesInRow: 0, timesAway: 0 };
  }
}
