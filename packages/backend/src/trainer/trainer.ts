/**
 * The training loop: job in, events and files out. It knows nothing of processes; `trainer-child.ts` hosts it.
 *
 * Everything that a step sees follows from the job's seed, the changes before it and the step's number, so a run that is
 * broken off and resumed from a checkpoint ends with the same bits as one that was not. Checkpoints stay in the output
 * folder: their reader removes them.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, errorMessage, isAppError, isError } from "@cyxwiz/primitives";
import { BatchSource } from "../dataset/batch-source.ts";
import { BACKEND_ERRORS, isJobFault } from "../errors.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";
import { writeFlushed } from "../safetensors/safetensors-file.ts";
import { type Evaluation, evaluate } from "./evaluate.ts";
import { JobRun } from "./job-run.ts";
import { modelFiles } from "./model-files.ts";
import { PreparedJob } from "./prepared-job.ts";
import { ProgressMeter } from "./progress-meter.ts";
import { runReplay } from "./replay.ts";
import type { TrainerContext } from "./trainer-context.ts";
import type { TrainingEvent, TrainingJob } from "./training-job.ts";

/**
 * Trains the job, or replays the interval that it names. Never rejects: the last event is "finished" or "replayed", or
 * "failed" with whose fault it is and the step.
 */
export async function train(job: TrainingJob, context: TrainerContext): Promise<void> {
  const startMs = context.clock.monotonic();
  const seconds = (): number => (context.clock.monotonic() - startMs) / 1_000;
  const opened: { run?: JobRun } = {};
  try {
    const prepared = await PreparedJob.read(job, context.driver.build);
    await using run = await JobRun.open(prepared, context);
    opened.run = run;
    context.emit(started(prepared, run, context.driver.build));
    if (job.replay) {
      const replayed = await runReplay(run, { prepared, replay: job.replay, context });
      context.emit({ kind: "replayed", ...replayed, seconds: seconds() });
    } else {
      const finished = await new Training(prepared, run, context).run();
      context.emit({ kind: "finished", ...finished, seconds: seconds() });
    }
  } catch (error) {
    context.emit(failure(error, opened.run?.step ?? 0, context.driver.id));
  }
}

type Finished = Omit<Extract<TrainingEvent, { kind: "finished" }>, "kind" | "seconds">;

class Training {
  readonly #prepared: PreparedJob;
  readonly #run: JobRun;
  readonly #context: TrainerContext;
  readonly #test: BatchSource;
  #evaluated: (Evaluation & { readonly step: number }) | undefined;
  #checkpointStep: number;

  constructor(prepared: PreparedJob, run: JobRun, context: TrainerContext) {
    const { dataset } = prepared;
    this.#prepared = prepared;
    this.#run = run;
    this.#context = context;
    this.#test = new BatchSource(dataset.test, dataset.description.scaling);
    this.#checkpointStep = run.step;
  }

  /** To the last step, or to where it is stopped. */
  async run(): Promise<Finished> {
    const { plan, job } = this.#prepared;
    const run = this.#run;
    await mkdir(job.outputDir, { recursive: true });
    const meter = new ProgressMeter(this.#context.clock, plan, { firstStep: run.firstStep, lastStep: plan.totalSteps });
    while (run.step < plan.totalSteps && !this.#context.isStopped()) {
      await this.#applyChanges();
      if (run.isEnded) break;
      const progress = meter.take(await run.advance(plan.totalSteps), run.step);
      if (progress) this.#context.emit(progress);
      if (plan.isEpochEnd(run.step)) await this.#evaluate();
      if (plan.isCheckpoint(run.step)) await this.#checkpoint();
    }
    if (this.#checkpointStep < run.step) await this.#checkpoint();
    return this.#finish();
  }

  async #applyChanges(): Promise<void> {
    const { step } = this.#run;
    const applied = await this.#run.applyChanges(this.#context.takeChanges?.());
    for (const { id } of applied) this.#context.emit({ kind: "changed", id, step });
  }

  async #evaluate(): Promise<Evaluation> {
    const { step } = this.#run;
    const { plan, model } = this.#prepared;
    if (this.#evaluated?.step === step) return this.#evaluated;
    const { loss, accuracy } = await evaluate(this.#run, model, this.#test);
    const measured = accuracy === undefined ? {} : { testAccuracy: accuracy };
    if (plan.isEpochEnd(step) && step > 0) {
      this.#context.emit({ kind: "epoch", epoch: plan.epochOf(step), step, testLoss: loss, ...measured });
    }
    this.#evaluated = { step, loss, ...(accuracy === undefined ? {} : { accuracy }) };
    return this.#evaluated;
  }

  async #checkpoint(): Promise<void> {
    const { step } = this.#run;
    const { job } = this.#prepared;
    const parts = this.#prepared.checkpointParts({ step, state: await this.#run.readState() });
    const path = join(job.outputDir, `checkpoint-${step}.safetensors`);
    const written = await writeFlushed(path, parts);
    this.#checkpointStep = step;
    this.#context.emit({ kind: "checkpoint", step, path, ...written });
  }

  async #finish(): Promise<Finished> {
    const { job, model } = this.#prepared;
    const { loss, accuracy } = await this.#evaluate();
    const { onnx, weights } = modelFiles(model, await this.#run.readState());
    const onnxPath = join(job.outputDir, "model.onnx");
    const weightsPath = join(job.outputDir, "weights.safetensors");
    await writeFlushed(onnxPath, onnx);
    const { sha256 } = await writeFlushed(weightsPath, weights);
    const metrics = { test_loss: loss, ...(accuracy === undefined ? {} : { test_accuracy: accuracy }) };
    return { step: this.#run.step, metrics, onnxPath, weightsPath, weightsSha256: sha256 };
  }
}

function started(prepared: PreparedJob, { firstStep }: JobRun, build: string): TrainingEvent {
  const { totalSteps, stepsPerEpoch } = prepared.plan;
  const { lowering } = prepared.model;
  const initialSha256 = prepared.hash(prepared.initial);
  return { kind: "started", firstStep, totalSteps, stepsPerEpoch, lowering, build, initialSha256 };
}

/** A loss that is no number names its own step, which lies behind the last finished one. */
function failure(error: unknown, lastStep: number, driver: string): TrainingEvent {
  const known = isAppError(error)
    ? error
    : new AppError(BACKEND_ERRORS.DRIVER_FAILED, { driver, during: "training", reason: errorMessage(error) });
  const step = isError(known, BACKEND_ERRORS.LOSS_NOT_FINITE) ? known.context.step : lastStep;
  const message = known.message.slice(0, MESSAGE_CHARACTERS);
  return { kind: "failed", blame: isJobFault(known) ? "job" : "node", code: known.code, message, step };
}
