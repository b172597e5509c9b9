/**
 * Challenges of compute units: who is asked when, what becomes of the answers.
 *
 * A unit's measured curve, best and date are written here and nowhere else. What runs is in memory: a server that starts
 * again calls off what was open and asks anew.
 */
import { setImmediate as pause } from "node:timers/promises";
import {
  areRelated,
  askedTogether,
  calibrate,
  unitEventAfter,
  type Calibration,
  type ChallengeOutcome,
} from "@cyxwiz/market";
import type { Logger } from "@cyxwiz/platform";
import { errorMessage, isUuid, type NodeId, type UnitId } from "@cyxwiz/primitives";
import { inTransaction, type MarketTransaction, type TransactionContext } from "../database/transaction.ts";
import { raiseUnitEvent } from "../machines/machine-state.ts";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import { periodically } from "../scheduling/periodic.ts";
import { closeOpen, lastOutcomes, logLate, logOutcome } from "./challenge-log.ts";
import { runChallenge, type ChallengeRunOptions, type EndedRun } from "./challenge-run.ts";
import { ChallengeSchedule } from "./challenge-schedule.ts";
import { readChallengeUnits, type ChallengeUnit } from "./challenge-units.ts";
import { CHALLENGE_PASS_MS, UNITS_AT_ONCE } from "./limits.ts";
import { OpenTasks, type TaskAnswer } from "./open-tasks.ts";

export interface ChallengeServiceOptions extends TransactionContext, Omit<ChallengeRunOptions, "open"> {
  readonly logger: Logger;
  readonly readFleet: () => Promise<readonly FleetUnit[]>;
}

export class ChallengeService {
  readonly #options: ChallengeServiceOptions;
  readonly #open: OpenTasks;
  readonly #schedule: ChallengeSchedule;
  readonly #asked = new Map<UnitId, ChallengeUnit>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ChallengeServiceOptions) {
    this.#options = options;
    this.#open = new OpenTasks(options.clock);
    this.#schedule = new ChallengeSchedule(options.clock, options.random);
  }

  /** A machine was taken in: its units are asked as soon as they have been idle for a moment. */
  registered(nodeId: NodeId): void {
    this.#schedule.registered(nodeId);
  }

  /** Takes an answer from a node's stream. Call it before anything else is done with the message: its time counts. */
  async answered(nodeId: NodeId, answer: TaskAnswer): Promise<void> {
    if (this.#open.take(nodeId, answer)) return;
    if (!answer.busy && isUuid(answer.challengeId)) await logLate(this.#options.db, nodeId, answer.challengeId);
  }

  /** Asks whoever is due until the signal aborts, and returns when nothing is open any more. */
  async run(signal: AbortSignal): Promise<void> {
    const { db, clock, logger } = this.#options;
    try {
      await closeOpen(db, clock.now());
    } catch (error) {
      // What stays open counts for nothing, and is called off when its unit is asked again.
      logger.error("open challenges could not be called off", { error: errorMessage(error) });
    }
    await periodically({ name: "challenges", everyMs: CHALLENGE_PASS_MS, clock, logger, signal }, () =>
      this.pass(signal),
    );
    await this.settled();
  }

  /** Begins the challenges that are due now; they go on by themselves. */
  async pass(signal: AbortSignal): Promise<void> {
    if (!this.#schedule.isPending) return;
    const units = await readChallengeUnits(this.#options);
    for (const unit of this.#schedule.due(units)) {
      // What is asked alone must be alone, and what is asked together be all of it.
      if (this.#asked.size >= UNITS_AT_ONCE || this.#hasRelatedAsked(unit)) continue;
      this.#begin(unit, units, signal);
    }
  }

  /** When everything that was begun has ended. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #begin(unit: ChallengeUnit, units: readonly ChallengeUnit[], signal: AbortSignal): void {
    const idle = units.filter((one) => one.isHere && one.status === "ACTIVE" && this.#schedule.isIdle(one));
    // Alone at first: only then it shows what others take from it later.
    const asked = unit.isMeasured ? askedTogether(unit, idle) : [unit];
    const hasCompanyLeft = !unit.isMeasured && askedTogether(unit, units).length > 1;
    for (const one of asked) {
      this.#asked.set(one.unitId, one);
      this.#schedule.started(one);
    }
    const running = this.#challenge(asked, hasCompanyLeft, signal)
      .catch((error: unknown) => {
        this.#options.logger.error("a challenge broke off", { error: errorMessage(error) });
        const end = { outcome: "called-off", calibration: undefined, hasCompanyLeft } as const;
        for (const one of asked) this.#schedule.ended(one, end);
      })
      .finally(() => {
        for (const one of asked) this.#asked.delete(one.unitId);
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  #hasRelatedAsked(unit: ChallengeUnit): boolean {
    return [...this.#asked.values()].some((other) => areRelated(unit, other));
  }

  async #challenge(units: readonly ChallengeUnit[], hasCompanyLeft: boolean, signal: AbortSignal): Promise<void> {
    const challenged = units.map((unit) => ({ unit, cause: this.#schedule.causeOf(unit) }));
    for (const ended of await runChallenge({ ...this.#options, open: this.#open }, challenged, signal)) {
      const calibration = await inTransaction(this.#options, (transaction) => this.#conclude(transaction, ended));
      this.#schedule.ended(ended.unit, { outcome: ended.outcome, calibration, hasCompanyLeft });
      await pause();
    }
  }

  /** What a challenge does to its unit, in one transaction. The unit's calibration when it passed. */
  async #conclude(transaction: MarketTransaction, ended: EndedRun): Promise<Calibration | undefined> {
    const { unit, outcome, decidedBy, taskIds, curve } = ended;
    const others = taskIds.filter((taskId) => taskId !== decidedBy);
    await logOutcome(transaction, others, outcome === "passed" ? "passed" : "called-off");
    if (decidedBy !== undefined) await logOutcome(transaction, [decidedBy], outcome);
    const event = unitEventAfter(await lastOutcomes(transaction, unit.unitId));
    if (event === "self-test-failed") await this.#broken(transaction, ended);
    if (outcome !== "passed") return undefined;
    const measuredAt = this.#options.clock.now();
    const calibration = calibrate(unit.calibration, { class: unit.class, curve, measuredAt });
    await transaction
      .updateTable("compute_units")
      .set({ calibration: JSON.stringify(calibration), challenged_at: new Date(measuredAt) })
      .where("id", "=", unit.unitId)
      .execute();
    if (unit.status === "ERROR") await raiseUnitEvent(transaction, unit.unitId, "self-test-passed");
    this.#tell("a unit passed its challenge", unit, outcome);
    return calibration;
  }

  async #broken(transaction: MarketTransaction, { unit, outcome, reason }: EndedRun): Promise<void> {
    if (outcome === "busy" || outcome === "called-off") return;
    await raiseUnitEvent(transaction, unit.unitId, "self-test-failed", reason);
    this.#tell("a unit failed its challenge", unit, outcome);
  }

  #tell(message: string, { unitId, nodeId }: ChallengeUnit, outcome: ChallengeOutcome): void {
    this.#options.logger.info(message, { unitId, nodeId, outcome });
  }
}
