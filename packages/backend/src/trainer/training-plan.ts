/** The job's settings, checked against graph and data, as numbers of steps. Steps and epochs are counted from 1. */
import type { CompiledModel } from "@cyxwiz/graph";
import { AppError } from "@cyxwiz/primitives";
import type { DatasetDescription } from "../dataset/samples.ts";
import { BACKEND_ERRORS } from "../errors.ts";
import { BATCH_SIZE, EPOCHS, THREADS } from "../limits.ts";
import type { TrainingJob } from "./training-job.ts";

const MAX_SEED = 2n ** 64n - 1n;

/** From the end of step `from` to the end of step `last`. */
export interface StepRange {
  readonly from: number;
  readonly last: number;
}

/** @throws AppError `backend/setting-invalid`, which names the field, the value and what is allowed. */
export function checkSettings(job: TrainingJob): void {
  wholeNumber("batchSize", job.batchSize, BATCH_SIZE);
  wholeNumber("epochs", job.epochs, EPOCHS);
  wholeNumber("threads", job.threads, THREADS);
  wholeNumber("checkpointEverySteps", job.checkpointEverySteps, Number.MAX_SAFE_INTEGER);
  if (job.learningRate !== undefined) checkLearningRate("learningRate", job.learningRate);
  seedOf(job);
}

/** @throws AppError `backend/setting-invalid`, which names `field`. */
export function checkLearningRate(field: string, learningRate: number): void {
  if (learningRate > 0 && learningRate <= 1_000) return;
  throw invalid(field, String(learningRate), "a number over 0, at most 1000");
}

/**
 * Says whether an interval from the end of step `from` is one of this job and its changes are all known.
 * @throws AppError `backend/setting-invalid`.
 */
export function checkReplay({ changes = [] }: TrainingJob, toStep: number, range: StepRange): void {
  const { from, last } = range;
  if (!(Number.isSafeInteger(toStep) && toStep >= from && toStep <= last)) {
    throw invalid("replay.toStep", String(toStep), `a whole number from ${from} to ${last}`);
  }
  for (const { id, step, stop } of changes) {
    const field = `step of change ${id.slice(0, 40)}`;
    if (step === undefined) throw invalid(field, "absent", "a whole number: a replay has no waiting changes");
    if (stop && step < toStep) throw invalid(field, String(step), `at least ${toStep}, where the replay ends`);
  }
}

/** The seed as a number. @throws AppError `backend/setting-invalid`. */
export function seedOf({ seed }: TrainingJob): bigint {
  if (!/^\d{1,20}$/.test(seed) || BigInt(seed) > MAX_SEED) {
    throw invalid("seed", `"${seed.slice(0, 40)}"`, `a whole number from 0 to ${MAX_SEED}, in decimal digits`);
  }
  return BigInt(seed);
}

/**
 * Says whether the data is what the graph was made for.
 * @throws AppError `backend/dataset-unfit`.
 */
export function checkFit(model: CompiledModel, data: DatasetDescription): void {
  const output = model.outputShape.join(" × ");
  if (model.task === "classify") {
    if (data.classes === 0) throw unfit("it has numbers to predict, and the graph's loss is for classes (use MSELoss)");
    if (data.classes !== model.outputShape.at(-1)) {
      throw unfit(`it has ${data.classes} classes, and the graph answers with ${output} scores`);
    }
    return;
  }
  if (data.classes > 0) throw unfit("it has classes, and the graph's loss is for numbers (use CrossEntropyLoss)");
  if (data.targetShape.join(" × ") !== output) {
    throw unfit(
      `one target is ${data.targetShape.join(" × ") || "a single number"}, and the graph answers with ${output}`,
    );
  }
}

export class TrainingPlan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly checkpointEverySteps: number;
  /** Samples of one step. */
  readonly batchSize: number;

  /** The last, incomplete batch of an epoch is dropped. @throws AppError `backend/setting-invalid`. */
  constructor(job: TrainingJob, trainSamples: number) {
    this.stepsPerEpoch = Math.floor(trainSamples / job.batchSize);
    if (this.stepsPerEpoch === 0) {
      throw invalid("batchSize", String(job.batchSize), `at most the ${trainSamples} samples there are to train on`);
    }
    this.totalSteps = this.stepsPerEpoch * job.epochs;
    this.checkpointEverySteps = job.checkpointEverySteps;
    this.batchSize = job.batchSize;
  }

  epochOf(step: number): number {
    return Math.ceil(step / this.stepsPerEpoch);
  }

  isEpochEnd(step: number): boolean {
    return step % this.stepsPerEpoch === 0;
  }

  isCheckpoint(step: number): boolean {
    return step % this.checkpointEverySteps === 0 || step === this.totalSteps;
  }

  /** How many of the next `wanted` steps may run without a stop for a test or a checkpoint. */
  stepsUntilStop(step: number, wanted: number): number {
    const toEpochEnd = this.stepsPerEpoch - (step % this.stepsPerEpoch);
    const toCheckpoint = this.checkpointEverySteps - (step % this.checkpointEverySteps);
    return Math.min(wanted, toEpochEnd, toCheckpoint);
  }
}

function wholeNumber(field: string, value: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return;
  throw invalid(field, String(value), `a whole number from 1 to ${most}`);
}

function invalid(field: string, value: string, allowed: string): AppError {
  return new AppError(BACKEND_ERRORS.SETTING_INVALID, { field, value, allowed });
}

function unfit(problem: string): AppError {
  return new AppError(BACKEND_ERRORS.DATASET_UNFIT, { problem });
}
