/**
 * Answers the Central Server's challenges: what each unit of this node can do, shown by computing.
 *
 * Work always comes first. A unit that works answers "busy", and so does one that is offered work while it computes: its
 * process is ended at once. Being busy costs the owner nothing; the server asks again.
 */
import type { Calibrator, ComputedRound } from "@cyxwiz/backend";
import { challengeText } from "@cyxwiz/market";
import { AppError, errorMessage, isAppError } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import type { CalibrationAnswer, CalibrationTask } from "../central/messages.ts";
import type { DevicePool, PooledUnit } from "../devices/device-pool.ts";
import { NODE_ERRORS } from "../errors.ts";
import { CALIBRATION_ERRORS } from "./calibration-errors.ts";
import { CALIBRATION_ROUNDS, WARM_MS } from "./limits.ts";

export interface CalibrationDeskOptions {
  readonly pool: DevicePool;
  /** Kinds of device that this build computes on. */
  readonly devices: readonly ("cpu" | "gpu")[];
  /** Whether the server's published key signed this text; the signature is base64url. */
  readonly verify: (text: string, signature: string) => boolean | Promise<boolean>;
  /** A fresh process for one unit. */
  readonly startCalibrator: () => Calibrator;
  /** Brings an answer to the server. One that is lost is asked for again. */
  readonly answer: (answer: CalibrationAnswer) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A unit's process, computing or waiting for the next round. */
interface Station {
  readonly calibrator: Calibrator;
  readonly cooling: AbortController;
  isInterrupted: boolean;
  isComputing: boolean;
}

export class CalibrationDesk implements AsyncDisposable {
  readonly #options: CalibrationDeskOptions;
  readonly #stations = new Map<string, Station>();
  readonly #open = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: CalibrationDeskOptions) {
    this.#options = options;
  }

  /** Takes a task; the answer goes out by itself. */
  take(task: CalibrationTask): void {
    if (this.#isClosed) return;
    const answering = this.#answer(task).finally(() => this.#open.delete(answering));
    this.#open.add(answering);
  }

  /** Work is coming: whatever computes ends now and answers "busy". Call it before the work takes its device. */
  interrupt(): void {
    for (const unitId of this.#stations.keys()) this.#end(unitId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.interrupt();
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  async #answer(task: CalibrationTask): Promise<void> {
    const { challengeId, unitId } = task;
    const answer = { challengeId, unitId, busy: false, results: [], code: "", message: "" };
    const { logger } = this.#options;
    try {
      const results = await this.#compute(task);
      if (!this.#isClosed) this.#options.answer(results ? { ...answer, results } : { ...answer, busy: true });
      logger.info(results ? "computed a challenge" : "a challenge has to wait: the unit works", {
        challengeId,
        unitId,
      });
    } catch (error) {
      const message = errorMessage(error);
      logger.warn("a challenge could not be computed", { challengeId, unitId, problem: message });
      const code = isAppError(error) ? error.code : "internal";
      if (!this.#isClosed) this.#options.answer({ ...answer, code, message });
    }
  }

  /** Undefined when the unit has, or gets, other work. */
  async #compute(task: CalibrationTask): Promise<readonly ComputedRound[] | undefined> {
    const { challengeId, unitId, seed, rounds } = task;
    const unit = this.#unitOf(unitId);
    if (!(await this.#options.verify(challengeText(task), task.signature))) {
      throw new AppError(CALIBRATION_ERRORS.SIGNATURE_MISMATCH, { challengeId });
    }
    if (rounds.length < 1 || rounds.length > CALIBRATION_ROUNDS) {
      throw new AppError(CALIBRATION_ERRORS.ROUNDS_EXCEEDED, { rounds: rounds.length, allowed: CALIBRATION_ROUNDS });
    }
    if (this.#isClosed || this.#stations.get(unitId)?.isComputing || isWorking(this.#unitOf(unitId))) return undefined;
    const station = this.#stationOf(unitId);
    const { threads } = unit.allocation;
    try {
      const results: ComputedRound[] = [];
      for (const round of rounds) results.push(await station.calibrator.compute({ seed, round, threads }));
      this.#coolDown(unitId, station);
      return results;
    } catch (error) {
      if (station.isInterrupted) return undefined;
      this.#end(unitId);
      throw error;
    }
  }

  #unitOf(unitId: string): PooledUnit {
    const { pool, devices } = this.#options;
    const units = pool.units();
    const unit = units.find((one) => one.unitId === unitId);
    if (!unit) throw new AppError(NODE_ERRORS.UNIT_UNKNOWN, { unitId, known: units.map((one) => one.unitId) });
    const { deviceType } = unit.allocation;
    if (devices.includes(deviceType)) return unit;
    throw new AppError(CALIBRATION_ERRORS.UNSUPPORTED, { unitId, deviceType, computes: devices });
  }

  /** The unit's warm process, or a new one. */
  #stationOf(unitId: string): Station {
    const known = this.#stations.get(unitId);
    known?.cooling.abort();
    const calibrator = known?.calibrator ?? this.#options.startCalibrator();
    const station = { calibrator, cooling: new AbortController(), isInterrupted: false, isComputing: true };
    this.#stations.set(unitId, station);
    return station;
  }

  #coolDown(unitId: string, station: Station): void {
    if (station.isInterrupted) return;
    station.isComputing = false;
    const cooling = this.#options.clock.sleep(WARM_MS, station.cooling.signal).then(
      () => this.#end(unitId),
      () => undefined,
    );
    this.#track(cooling);
  }

  #end(unitId: string): void {
    const station = this.#stations.get(unitId);
    if (!station) return;
    this.#stations.delete(unitId);
    station.isInterrupted = true;
    station.cooling.abort();
    this.#track(station.calibrator[Symbol.asyncDispose]());
  }

  #track(work: PromiseLike<void>): void {
    const open = Promise.resolve(work).finally(() => this.#open.delete(open));
    this.#open.add(open);
  }
}

function isWorking(unit: PooledUnit): boolean {
  return unit.state !== "ACTIVE" || unit.assignmentIds.length > 0;
}
