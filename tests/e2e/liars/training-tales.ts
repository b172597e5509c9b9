/** Trainings that were not done: each tells the events of a training, in the right order and form. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readDataset, writeDataset, type TrainingEvent, type TrainingJob } from "@cyxwiz/backend";
import { defined } from "@cyxwiz/primitives";
import { checkpointEvent, forge, keep, relabel, spoil } from "./files.ts";
import { startInProcess } from "./in-process-trainer.ts";
import type { Tale } from "./lie.ts";

type Of<Kind extends TrainingEvent["kind"]> = Extract<TrainingEvent, { kind: Kind }>;

/** Random numbers in place of every state. One real step shows what a checkpoint looks like. */
export const randomWeights: Tale = async function* (job) {
  const { started, path } = await oneStep(job);
  yield started;
  const number = (): number => Math.random() - 0.5;
  for (const step of stepsOf(job, started)) {
    const to = join(job.outputDir, `random-${step}.safetensors`);
    yield* tellAndKeep(to, step, await forge({ from: path, to, number, metadata: { step: String(step) } }));
  }
  yield* modelOf(job, `${join(job.outputDir, `random-${started.totalSteps}.safetensors`)}.kept`);
};

/** Files that no trainer takes for a state of the job. */
export const garbage: Tale = async function* (job) {
  const { started, path } = await oneStep(job);
  yield started;
  for (const step of stepsOf(job, started)) {
    const to = join(job.outputDir, `garbage-${step}.safetensors`);
    const sha256 = await forge({ from: path, to, metadata: { step: String(step), format: "something else" } });
    yield checkpointEvent(to, step, sha256);
  }
  const model = join(job.outputDir, "model.safetensors");
  await forge({ from: path, to: model, metadata: { step: String(started.totalSteps) } });
  yield* modelOf(job, model);
};

/** Leaves intervals out: the state before one is told again as the state after it. */
export function skipping(isSkipped: (interval: number, intervals: number) => boolean): Tale {
  return async function* (job) {
    // At a rate that moves nothing: the initial state, for who skips the first interval.
    const { started, path } = await oneStep({ ...job, learningRate: 1e-20 });
    yield started;
    const steps = stepsOf(job, started);
    const skips = steps.map((_, interval) => isSkipped(interval, steps.length));
    let state: string | undefined;
    for (let interval = 0; interval < steps.length;) {
      if (skips[interval]) {
        const step = defined(steps[interval], "a step");
        const told = await relabel(state ?? path, join(job.outputDir, `skipped-${step}.safetensors`), step);
        state = await keep(told.path);
        yield told;
        interval++;
        continue;
      }
      const outputDir = join(job.outputDir, `from-${interval}`);
      await using trainer = startInProcess({ ...job, outputDir, ...(state !== undefined && { resumeFrom: state }) });
      for await (const event of trainer.events) {
        if (event.kind === "failed") yield event;
        if (event.kind !== "checkpoint") continue;
        state = await keep(event.path);
        yield event;
        interval++;
        if (interval === steps.length || skips[interval]) break;
      }
    }
    yield* modelOf(job, defined(state, "a last state"));
  };
}

/** What an earlier job left: its checkpoints by step, and its model. */
export interface Loot {
  readonly checkpoints: Map<number, string>;
  onnx?: string;
  weights?: string;
}

/** An honest training whose files are kept in a folder for later. */
export function hoarding(loot: Loot, folder: string): Tale {
  return async function* (job) {
    await mkdir(folder, { recursive: true });
    const put = async (path: string, name: string): Promise<string> => {
      await copyFile(path, join(folder, name));
      return join(folder, name);
    };
    await using trainer = startInProcess(job);
    for await (const event of trainer.events) {
      if (event.kind === "checkpoint") {
        loot.checkpoints.set(event.step, await put(event.path, `${event.step}.safetensors`));
      }
      if (event.kind === "finished") {
        loot.onnx = await put(event.onnxPath, "model.onnx");
        loot.weights = await put(event.weightsPath, "weights.safetensors");
      }
      yield event;
    }
  };
}

/** The states of an earlier job, rewritten to look like this one's, and the model that belongs to them. */
export function stale(loot: Loot): Tale {
  return async function* (job) {
    const { started } = await oneStep(job);
    yield started;
    for (const step of stepsOf(job, started)) {
      const to = join(job.outputDir, `stale-${step}.safetensors`);
      const from = defined(loot.checkpoints.get(step), `the earlier state at ${step}`);
      yield* tellAndKeep(to, step, await forge({ from, to, metadata: { seed: job.seed } }));
    }
    yield* modelOf(job, `${join(job.outputDir, `stale-${started.totalSteps}.safetensors`)}.kept`);
  };
}

/** The very objects of an earlier job, model included. */
export function replayed(loot: Loot): Tale {
  return async function* (job) {
    const { started } = await oneStep(job);
    yield started;
    const { outputDir } = job;
    const put = async (from: string | undefined, name: string): Promise<string> => {
      await copyFile(defined(from, name), join(outputDir, name));
      return join(outputDir, name);
    };
    for (const step of stepsOf(job, started)) {
      const path = await put(loot.checkpoints.get(step), `replayed-${step}.safetensors`);
      yield checkpointEvent(path, step, await forge({ from: path, to: path }));
    }
    const onnxPath = await put(loot.onnx, "model.onnx");
    const weightsPath = await put(loot.weights, "weights.safetensors");
    yield { ...finished, step: started.totalSteps, onnxPath, weightsPath };
  };
}

/** An honest training whose model is changed at the end. */
export const wrongModel: Tale = async function* (job) {
  await using trainer = startInProcess(job);
  for await (const event of trainer.events) {
    if (event.kind === "finished") {
      const number = (value: number): number => value + 0.5;
      await forge({ from: event.weightsPath, to: event.weightsPath, number });
      await spoil(event.onnxPath);
    }
    yield event;
  }
};

/** Trains on what it was given, with labels moved on by one class. */
export const otherData: Tale = async function* (job) {
  const dataset = await readDataset(job.datasetPath);
  const { classes } = dataset.description;
  const { y } = dataset.train;
  const moved = y instanceof BigInt64Array ? y.map((label) => (label + 1n) % BigInt(classes)) : y;
  await mkdir(job.outputDir, { recursive: true });
  const datasetPath = join(job.outputDir, "tampered.safetensors");
  await writeDataset(datasetPath, { ...dataset, train: { ...dataset.train, y: moved } });
  yield* honestly({ ...job, datasetPath });
};

/** Does nothing, and says that it is the job's fault. */
export const blaming: Tale = async function* (job) {
  const { started } = await oneStep(job);
  yield started;
  const message = "the loss is not a number at step 1";
  yield { kind: "failed", blame: "job", code: "backend/loss-not-finite", message, step: 1 };
};

/** Trains with settings of its own. */
export function otherwise(settings: Partial<TrainingJob>): Tale {
  return (job) => honestly({ ...job, ...settings });
}

const finished = {
  kind: "finished",
  metrics: { test_loss: 0.01, test_accuracy: 1 },
  weightsSha256: "",
  seconds: 1,
} as const;

async function* honestly(job: TrainingJob): AsyncGenerator<TrainingEvent> {
  await using trainer = startInProcess(job);
  yield* trainer.events;
}

async function* tellAndKeep(path: string, step: number, sha256: string): AsyncGenerator<TrainingEvent> {
  await keep(path);
  yield checkpointEvent(path, step, sha256);
}

/** A start as the whole job's, and the state after its first step. */
async function oneStep(job: TrainingJob): Promise<{ readonly started: Of<"started">; readonly path: string }> {
  await using trainer = startInProcess({
    ...job,
    epochs: 1,
    checkpointEverySteps: 1,
    outputDir: join(job.outputDir, "form"),
  });
  let started: Of<"started"> | undefined;
  for await (const event of trainer.events) {
    if (event.kind === "started") started = { ...event, totalSteps: event.stepsPerEpoch * job.epochs };
    if (event.kind === "checkpoint" && started) return { started, path: event.path };
    if (event.kind === "failed") throw new Error(event.message);
  }
  throw new Error("the trainer made no step");
}

/** Where checkpoints are due. */
function stepsOf({ checkpointEverySteps: every }: TrainingJob, { totalSteps }: Of<"started">): readonly number[] {
  return Array.from({ length: Math.ceil(totalSteps / every) }, (_, index) => Math.min((index + 1) * every, totalSteps));
}

/** The model of a state at the last step, made by the real trainer. */
async function* modelOf(job: TrainingJob, path: string): AsyncGenerator<TrainingEvent> {
  await using trainer = startInProcess({ ...job, resumeFrom: path, outputDir: join(job.outputDir, "model") });
  for await (const event of trainer.events) {
    if (event.kind === "finished" || event.kind === "failed") yield event;
  }
}
