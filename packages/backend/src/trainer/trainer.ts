/**
 * The training loop: job in, events and files out. It knows nothing of processes; `trainer-child.ts` hosts it.
 *
 * Everything that a step sees follows from the job's seed and the step's number, so a run that is broken off and resumed
 * from a checkpoint ends with the same bits as one that was not. Checkpoints stay in the output folder: their reader
 * removes them.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { compile, parseCyxwiz } from "@cyxwiz/graph";
import type { Clock } from "@cyxwiz/platform";
import { AppError, errorMessage, isAppError } from "@cyxwiz/primitives";
import { BatchSource } from "../dataset/batch-source.ts";
import { readDataset } from "../dataset/dataset-object.ts";
import type { Dataset } from "../dataset/samples.ts";
import type { RunResult, TrainingDriver } from "../driver/training-driver.ts";
import { BACKEND_ERRORS, isJobFault } from "../errors.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";
import { writeFlushed, writeSafetensors } from "../safetensors/safetensors-file.ts";
import { namedTensors, readCheckpoint, runIdentity, writeCheckpoint } from "./checkpoint.ts";
import { type Evaluation, evaluate } from "./evaluate.ts";
import { initialState } from "./initial-state.ts";
import { ProgressMeter } from "./progress-meter.ts";
import { RunFeeder } from "./run-feeder.ts";
import { StepRunner } from "./step-runner.ts";
import type { TrainingEvent, TrainingJob } from "./training-job.ts";
import { checkFit, checkSettings, seedOf, TrainingPlan } from "./training-plan.ts";

export interface TrainerContext {
  readonly driver: TrainingDriver;
  readonly clock: Clock;
  readonly emit: (event: TrainingEvent) => void;
  /** Asked between runs: true ends the training with a last checkpoint and the model as it is then. */
  readonly isStopped: () => boolean;
  /** Bytes of memory in use now, compared with the limit between runs. */
  readonly memory?: { readonly usedBytes: () => number; readonly limitBytes: number };
}

/** Trains the job. Never rejects: the last event is "finished" or "failed", with whose fault it is and the step. */
export async function train(job: TrainingJob, context: TrainerContext): Promise<void> {
  const cursor = { step: 0 };
  try {
    await using training = await Training.open(job, context);
    await training.run(cursor);
  } catch (error) {
    context.emit(failure(error, cursor.step, context.driver.id));
  }
}

interface Parts {
  readonly job: TrainingJob;
  readonly context: TrainerContext;
  readonly dataset: Dataset;
  readonly plan: TrainingPlan;
  readonly runner: StepRunner;
  readonly startMs: number;
}

class Training implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #test: BatchSource;
  readonly #identity: Readonly<Record<string, string>>;
  #evaluated: (Evaluation & { readonly step: number }) | undefined;
  #checkpointStep = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
    const { dataset, job, runner } = parts;
    this.#test = new BatchSource(dataset.test, dataset.description.scaling);
    this.#identity = runIdentity(job, runner.single, dataset.train.count);
  }

  static async open(job: TrainingJob, context: TrainerContext): Promise<Training> {
    const startMs = context.clock.monotonic();
    checkSettings(job);
    const graph = parseCyxwiz(job.graph);
    const dataset = await readDataset(job.datasetPath);
    const { batchSize, threads } = job;
    const { sampleShape } = dataset.description;
    const single = compile(graph, { batchSize, sampleShape, stepsPerRun: 1 });
    checkFit(single, dataset.description);
    const plan = new TrainingPlan(job, dataset.train.count);
    await mkdir(job.outputDir, { recursive: true });
    const { driver, clock } = context;
    const stretches = [plan.stepsPerEpoch, Math.min(plan.checkpointEverySteps, plan.totalSteps)];
    const runner = await StepRunner.open(graph, single, { driver, clock, threads, stretches });
    return new Training({ job, context, dataset, plan, runner, startMs });
  }

  async run(cursor: { step: number }): Promise<void> {
    const { job, context, dataset, plan, runner } = this.#parts;
    cursor.step = await this.#begin();
    const seed = seedOf(job);
    const learningRate = job.learningRate ?? runner.single.defaultLearningRate;
    const source = new BatchSource(dataset.train, dataset.description.scaling);
    const feeder = new RunFeeder(source, plan, { seed, learningRate });
    const { lowering } = runner.single;
    const { totalSteps, stepsPerEpoch } = plan;
    const firstStep = cursor.step + 1;
    context.emit({ kind: "started", firstStep, totalSteps, stepsPerEpoch, lowering, build: context.driver.build });
    const meter = new ProgressMeter(context.clock, plan, { batchSize: job.batchSize, firstStep });
    while (cursor.step < totalSteps && !context.isStopped()) {
      const first = cursor.step + 1;
      const available = plan.stepsUntilStop(cursor.step, totalSteps - cursor.step);
      const result = await runner.run(available, (model) => feeder.inputs(model, first));
      checkLosses(result, first, cursor);
      const progress = meter.take(cursor.step, result);
      if (progress) context.emit(progress);
      this.#checkMemory();
      if (plan.isEpochEnd(cursor.step)) await this.#evaluate(cursor.step);
      if (plan.isCheckpoint(cursor.step)) await this.#checkpoint(cursor.step);
    }
    await this.#finish(cursor.step);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.runner[Symbol.asyncDispose]();
  }

  /** Sets the state and gives the number of steps that are done. */
  async #begin(): Promise<number> {
    const { job, plan, runner } = this.#parts;
    if (job.resumeFrom === undefined) {
      await runner.writeState(initialState(runner.single, seedOf(job)));
      return 0;
    }
    const { step, state } = await readCheckpoint(job.resumeFrom, runner.single, this.#identity);
    if (step > plan.totalSteps) {
      const context = { field: "step", found: String(step), expected: `at most ${plan.totalSteps}` };
      throw new AppError(BACKEND_ERRORS.CHECKPOINT_MISMATCH, context);
    }
    await runner.writeState(state);
    this.#checkpointStep = step;
    return step;
  }

  #checkMemory(): void {
    const { memory } = this.#parts.context;
    if (!memory) return;
    const usedBytes = memory.usedBytes();
    if (usedBytes > memory.limitBytes) {
      throw new AppError(BACKEND_ERRORS.MEMORY_EXCEEDED, { usedBytes, limitBytes: memory.limitBytes });
    }
  }

  async #evaluate(step: number): Promise<Evaluation> {
    if (this.#evaluated?.step === step) return this.#evaluated;
    const { context, plan, runner } = this.#parts;
    const { loss, accuracy } = await evaluate(runner, runner.single, this.#test);
    const measured = accuracy === undefined ? {} : { testAccuracy: accuracy };
    if (plan.isEpochEnd(step) && step > 0) {
      context.emit({ kind: "epoch", epoch: plan.epochOf(step), step, testLoss: loss, ...measured });
    }
    this.#evaluated = { step, loss, ...(accuracy === undefined ? {} : { accuracy }) };
    return this.#evaluated;
  }

  async #checkpoint(step: number): Promise<void> {
    const { context, job, runner } = this.#parts;
    const metadata = { ...this.#identity, build: context.driver.build };
    const state = await runner.readState();
    const written = await writeCheckpoint(job.outputDir, runner.single, { step, state }, metadata);
    this.#checkpointStep = step;
    context.emit({ kind: "checkpoint", step, ...written });
  }

  async #finish(step: number): Promise<void> {
    const { context, job, runner, startMs } = this.#parts;
    if (this.#checkpointStep < step) await this.#checkpoint(step);
    const { loss, accuracy } = await this.#evaluate(step);
    const state = await runner.readState();
    const onnxPath = join(job.outputDir, "model.onnx");
    const weightsPath = join(job.outputDir, "weights.safetensors");
    await writeFlushed(onnxPath, [runner.single.exportOnnx(new Map(state))]);
    const weights = namedTensors(runner.single, state, ["weight", "statistic"]);
    const { sha256 } = await writeSafetensors(weightsPath, weights, { format: "pt" });
    context.emit({
      kind: "finished",
      step,
      metrics: { test_loss: loss, ...(accuracy === undefined ? {} : { test_accuracy: accuracy }) },
      onnxPath,
      weightsPath,
      weightsSha256: sha256,
      seconds: (context.clock.monotonic() - startMs) / 1_000,
    });
  }
}

/** Moves the cursor to the last step of the run, or to the first one whose loss is no number. */
function checkLosses({ losses }: RunResult, first: number, cursor: { step: number }): void {
  const bad = losses.findIndex((loss) => !Number.isFinite(loss));
  cursor.step = first + (bad < 0 ? losses.length : bad + 1) - 1;
  if (bad >= 0) throw new AppError(BACKEND_ERRORS.LOSS_NOT_FINITE, { step: cursor.step });
}

function failure(error: unknown, step: number, driver: string): TrainingEvent {
  const known = isAppError(error)
    ? error
    : new AppError(BACKEND_ERRORS.DRIVER_FAILED, { driver, during: "training", reason: errorMessage(error) });
  const message = known.message.slice(0, MESSAGE_CHARACTERS);
  return { kind: "failed", blame: isJobFault(known) ? "job" : "node", code: known.code, message, step };
}
