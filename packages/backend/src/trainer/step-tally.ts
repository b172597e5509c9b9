/** Puts the updates of each step together: its loss is their mean, its right answers are their sum. */
import type { RunResult } from "../driver/training-driver.ts";

/** Steps that were finished one after the other. */
export interface StepResults {
  /** Mean loss of each step's batch. */
  readonly losses: readonly number[];
  /** How many of each step's batch were right, for classifiers. */
  readonly correct: readonly number[] | undefined;
}

export class StepTally {
  readonly #updatesPerStep: number;
  readonly #losses: number[] = [];
  readonly #correct: number[] = [];
  #updates = 0;

  constructor(updatesPerStep: number) {
    this.#updatesPerStep = updatesPerStep;
  }

  /** Steps that have all their updates. */
  get steps(): number {
    return Math.floor(this.#updates / this.#updatesPerStep);
  }

  /** Updates of the step that is not finished. */
  get part(): number {
    return this.#updates % this.#updatesPerStep;
  }

  get results(): StepResults {
    return { losses: this.#losses, correct: this.#correct.length > 0 ? this.#correct : undefined };
  }

  /** Takes in a run. Gives the place of the first step, counted from 0, whose loss is no number. */
  take({ losses, correct }: RunResult): number | undefined {
    const stepOf = (i: number): number => Math.floor((this.#updates + i) / this.#updatesPerStep);
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    if (bad >= 0) return stepOf(bad);
    losses.forEach((loss, i) => {
      this.#losses[stepOf(i)] = (this.#losses[stepOf(i)] ?? 0) + loss / this.#updatesPerStep;
    });
    correct?.forEach((count, i) => {
      this.#correct[stepOf(i)] = (this.#correct[stepOf(i)] ?? 0) + count;
    });
    this.#updates += losses.length;
    return undefined;
  }
}
