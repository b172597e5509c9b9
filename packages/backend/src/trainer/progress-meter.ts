/** Turns losses into progress events for people: means since the last one, at most every PROGRESS_EVERY_MS. */
import type { Clock } from "@cyxwiz/platform";
import { PROGRESS_EVERY_MS } from "../limits.ts";
import type { StepResults } from "./step-tally.ts";
import type { TrainingEvent } from "./training-job.ts";
import type { TrainingPlan } from "./training-plan.ts";

export class ProgressMeter {
  readonly #clock: Clock;
  readonly #plan: TrainingPlan;
  readonly #lastOfRun: number;
  readonly #startMs: number;
  readonly #firstStep: number;
  #lastMs: number;
  #lastStep: number;
  #lossSum = 0;
  #correctSum: number | undefined;

  constructor(clock: Clock, plan: TrainingPlan, run: { readonly firstStep: number; readonly lastStep: number }) {
    this.#clock = clock;
    this.#plan = plan;
    this.#lastOfRun = run.lastStep;
    this.#firstStep = run.firstStep;
    this.#startMs = clock.monotonic();
    this.#lastMs = this.#startMs;
    this.#lastStep = run.firstStep - 1;
  }

  /** Takes in steps that ended with `step`; gives an event when one is due. The last step always is. */
  take({ losses, correct }: StepResults, step: number): Extract<TrainingEvent, { kind: "progress" }> | undefined {
    this.#lossSum += sum(losses);
    if (correct) this.#correctSum = (this.#correctSum ?? 0) + sum(correct);
    const now = this.#clock.monotonic();
    if (now - this.#lastMs < PROGRESS_EVERY_MS && step < this.#lastOfRun) return undefined;
    const steps = step - this.#lastStep;
    const secondsPerStep = (now - this.#startMs) / 1_000 / (step - this.#firstStep + 1);
    const event = {
      kind: "progress",
      step,
      epoch: this.#plan.epochOf(step),
      loss: this.#lossSum / steps,
      ...(this.#correctSum === undefined ? {} : { accuracy: this.#correctSum / (steps * this.#plan.batchSize) }),
      samplesPerSecond: (steps * this.#plan.batchSize * 1_000) / Math.max(now - this.#lastMs, 0.001),
      secondsLeft: secondsPerStep * (this.#lastOfRun - step),
    } as const;
    this.#lastMs = now;
    this.#lastStep = step;
    this.#lossSum = 0;
    this.#correctSum = undefined;
    return event;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
