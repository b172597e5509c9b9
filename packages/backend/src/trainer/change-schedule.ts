/**
 * What the user changes while a job runs, in order, and what holds at each step because of it.
 *
 * A change holds from the step after the one it names. A smaller batch splits every later step into several updates of the
 * weights; optimizer and dropout count updates, so their numbers too are a pure function of the list of changes. Changes
 * without a step wait: they take effect as soon as they are first in line.
 */
import { AppError, defined } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { CHANGES } from "../limits.ts";
import type { TrainingChange } from "./training-job.ts";
import { checkLearningRate } from "./training-plan.ts";

/** What the job says before any change. */
export interface InitialSettings {
  readonly batchSize: number;
  readonly learningRate: number;
}

export class ChangeSchedule {
  readonly #jobBatchSize: number;
  readonly #waiting: TrainingChange[] = [];
  readonly #ids: Set<string> = new Set();
  #learningRate: number;
  #batchSize: number;
  #isEnd = false;
  /** The last step before the batch size in force, and the updates up to its end. */
  #since = { step: 0, updates: 0 };

  /** @throws AppError `backend/setting-invalid` for the first change that is wrong. */
  constructor(initial: InitialSettings, changes: readonly TrainingChange[] = []) {
    this.#jobBatchSize = initial.batchSize;
    this.#batchSize = initial.batchSize;
    this.#learningRate = initial.learningRate;
    this.add(changes);
  }

  get learningRate(): number {
    return this.#learningRate;
  }

  /** Samples of one update. */
  get batchSize(): number {
    return this.#batchSize;
  }

  get updatesPerStep(): number {
    return this.#jobBatchSize / this.#batchSize;
  }

  /** True once a change has ended the training. */
  get isEnd(): boolean {
    return this.#isEnd;
  }

  /** The step after which the first change in line takes effect, infinite when there is none or it names no step. */
  get nextStep(): number {
    return this.#waiting[0]?.step ?? Number.POSITIVE_INFINITY;
  }

  /** Updates of the weights up to the end of a step, which must not lie before the last change that was taken. */
  updatesAt(step: number): number {
    return this.#since.updates + (step - this.#since.step) * this.updatesPerStep;
  }

  /**
   * Puts changes at the end of the line. One whose id is known is left out: it was sent again.
   * @throws AppError `backend/setting-invalid` for the first change that is wrong.
   */
  add(changes: readonly TrainingChange[]): void {
    for (const change of changes) {
      if (this.#ids.has(change.id)) continue;
      this.#ids.add(change.id);
      this.#check(change);
      this.#waiting.push(change);
    }
  }

  /** Takes the changes whose step is known and at most `step`: what a run that begins there goes on from. */
  begin(step: number): void {
    const isPast = (change: TrainingChange): boolean => change.step !== undefined && change.step <= step;
    const past = this.#waiting.filter(isPast);
    const rest = this.#waiting.filter((change) => !isPast(change));
    this.#waiting.splice(0, this.#waiting.length, ...rest);
    for (const change of past) {
      const at = defined(change.step, "the step of a past change");
      if (change.stop && at < step) throw stepInvalid(change, `at least ${step}, where this run begins: it is a stop`);
      this.#take(change, at);
    }
  }

  /** Takes the changes that take effect after `step`, in order; none that comes behind a stop. */
  takeAt(step: number): readonly TrainingChange[] {
    const taken: TrainingChange[] = [];
    for (let next = this.#waiting[0]; next && !this.#isEnd; next = this.#waiting[0]) {
      if (next.step !== undefined && next.step > step) break;
      this.#take(next, step);
      this.#waiting.shift();
      taken.push(next);
    }
    return taken;
  }

  #take(change: TrainingChange, step: number): void {
    if (change.step !== undefined && change.step < step) throw stepInvalid(change, `at least ${step}, which is done`);
    if (step < this.#since.step) throw stepInvalid(change, `at least ${this.#since.step}, as the one before it`);
    this.#since = { step, updates: this.updatesAt(step) };
    this.#learningRate = change.learningRate ?? this.#learningRate;
    this.#batchSize = change.batchSize ?? this.#batchSize;
    this.#isEnd ||= change.stop ?? false;
  }

  #check(change: TrainingChange): void {
    if (this.#ids.size > CHANGES) throw invalid("changes", String(this.#ids.size), `at most ${CHANGES} in one job`);
    const { step, learningRate, batchSize } = change;
    if (step !== undefined && !(Number.isSafeInteger(step) && step >= 0)) throw stepInvalid(change, "a whole number");
    if (learningRate !== undefined) checkLearningRate(fieldOf(change, "learningRate"), learningRate);
    if (batchSize !== undefined && !(batchSize >= 1 && this.#jobBatchSize % batchSize === 0)) {
      const allowed = `a divisor of the job's batch: ${divisors(this.#jobBatchSize).join(", ")}`;
      throw invalid(fieldOf(change, "batchSize"), String(batchSize), allowed);
    }
  }
}

function divisors(value: number): readonly number[] {
  return Array.from({ length: value }, (_, i) => i + 1).filter((divisor) => value % divisor === 0);
}

function fieldOf({ id }: TrainingChange, field: string): string {
  return `${field} of change ${id.slice(0, 40)}`;
}

function stepInvalid(change: TrainingChange, allowed: string): AppError {
  return invalid(fieldOf(change, "step"), String(change.step), allowed);
}

function invalid(field: string, value: string, allowed: string): AppError {
  return new AppError(BACKEND_ERRORS.SETTING_INVALID, { field, value, allowed });
}
