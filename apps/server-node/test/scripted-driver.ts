/** A trainer that satisfies the node's port in memory: it "trains" by writing small files that its job decides. */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Replay, TrainingChange, TrainingEvent, TrainingJob } from "@cyxwiz/backend";
import type { StartTrainer, TrainingDriver } from "../src/jobs/trainer.ts";

type TrainerOptions = Parameters<StartTrainer>[1];

export interface Script {
  readonly totalSteps?: number;
  readonly lowering?: string;
  /** The step before which it waits until `go` is called. */
  readonly pauseAt?: number;
  /** The step at which the loss is no number. */
  readonly nanAt?: number;
  /** The step at which it needs more memory than it may have. */
  readonly memoryAt?: number;
  /** Says again that changes of an earlier attempt took effect. */
  readonly repeatsChanges?: boolean;
  /** Fails before its first step, with this to blame. */
  readonly failsAtOnce?: "job" | "node";
  /** The step after which it goes away without a word. */
  readonly silentAt?: number;
  /** Names a wrong hash for its checkpoints. */
  readonly hasWrongHash?: boolean;
}

export interface ScriptedDriver extends TrainingDriver {
  readonly jobs: readonly TrainingJob[];
  readonly options: readonly TrainerOptions[];
  /** Changes that were handed to running trainings. */
  readonly changes: readonly TrainingChange[];
  /** Lets a paused training go on. */
  go(): void;
}

export const LOWERING = "loop-1";
const BUILD = "scripted-1";
const HARDWARE_CLASS = "x64-test";

export function scriptedDriver(script: Script = {}): ScriptedDriver {
  const jobs: TrainingJob[] = [];
  const options: TrainerOptions[] = [];
  const changes: TrainingChange[] = [];
  const gate = Promise.withResolvers<void>();
  return {
    abilities: { build: BUILD, lowerings: [LOWERING], hardwareClass: HARDWARE_CLASS },
    devices: ["cpu"],
    calibrator: () => ({
      compute: () => Promise.reject(new TypeError("no challenge is part of this test")),
      [Symbol.asyncDispose]: async () => undefined,
    }),
    measure: async () => ({
      trainFlopsPerSecond: 5e9,
      lowering: LOWERING,
      build: BUILD,
      hardwareClass: HARDWARE_CLASS,
    }),
    start: (job, given) => {
      jobs.push(job);
      options.push(given);
      const training = new ScriptedTraining(job, given.signal, script, gate.promise);
      return {
        events: training.events(),
        stop: () => training.stop(),
        change: (change) => {
          changes.push(change);
          training.changes.push(change);
        },
        [Symbol.asyncDispose]: async () => training.kill(),
      };
    },
    jobs,
    options,
    changes,
    go: () => gate.resolve(),
  };
}

/** Hash of the state before step 1, in every training. */
export const INITIAL_SHA256: string = sha256("initial");

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A checkpoint's content names its step, so that going on from one, and making a model of one, read it back. */
class ScriptedTraining {
  readonly changes: TrainingChange[];
  readonly #job: TrainingJob;
  readonly #signal: AbortSignal;
  readonly #script: Script;
  readonly #gate: Promise<void>;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #killed = new AbortController();
  #isStopped = false;
  #step = 0;
  #checkpointStep = 0;
  #dataset = "";

  constructor(job: TrainingJob, signal: AbortSignal, script: Script, gate: Promise<void>) {
    this.changes = (job.changes ?? []).filter(({ step }) => step === undefined || script.repeatsChanges);
    this.#job = job;
    this.#signal = AbortSignal.any([signal, this.#killed.signal]);
    this.#script = script;
    this.#gate = gate;
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopped.resolve();
  }

  kill(): void {
    this.#killed.abort();
  }

  async *events(): AsyncGenerator<TrainingEvent> {
    const { totalSteps = 6, lowering = LOWERING, failsAtOnce, silentAt } = this.#script;
    const { outputDir, datasetPath, resumeFrom, replay, checkpointEverySteps } = this.#job;
    await mkdir(outputDir, { recursive: true });
    this.#dataset = await readFile(datasetPath, "utf8");
    if (failsAtOnce) return yield this.#failed(failsAtOnce, "backend/dataset-unfit");
    this.#step = this.#checkpointStep = resumeFrom ? await stepIn(resumeFrom) : 0;
    const firstStep = this.#step + 1;
    const initialSha256 = INITIAL_SHA256;
    yield { kind: "started", firstStep, totalSteps, stepsPerEpoch: 3, lowering, build: BUILD, initialSha256 };
    const lastStep = replay?.toStep ?? totalSteps;
    while (this.#step < lastStep && !this.#isStopped) {
      if (this.#step + 1 === this.#script.pauseAt) await this.#pause();
      if (this.#signal.aborted) return;
      if (this.#isStopped) break;
      yield* this.#change();
      if (this.#isStopped) break;
      const step = ++this.#step;
      if (step === this.#script.nanAt) return yield this.#failed("job", "backend/loss-not-finite");
      if (step === this.#script.memoryAt) return yield this.#failed("node", "backend/memory-exceeded");
      yield { kind: "progress", step, epoch: 1, loss: 1 / step, samplesPerSecond: 100, secondsLeft: lastStep - step };
      const isDue = step % checkpointEverySteps === 0 || step === totalSteps;
      if (isDue && !replay) yield await this.#checkpoint();
      if (step === silentAt) return;
      if (step % 3 === 0) yield { kind: "epoch", epoch: step / 3, step, testLoss: 0.5, testAccuracy: 0.9 };
    }
    if (replay) return yield await this.#replayed(replay);
    if (this.#checkpointStep < this.#step) yield await this.#checkpoint();
    yield await this.#finished();
  }

  async #pause(): Promise<void> {
    const dead = new Promise<void>((resolve) => {
      this.#signal.addEventListener("abort", () => resolve(), { once: true });
      if (this.#signal.aborted) resolve();
    });
    await Promise.race([this.#gate, this.#stopped.promise, dead]);
  }

  *#change(): Generator<TrainingEvent> {
    for (const { id, stop } of this.changes.splice(0)) {
      if (stop) this.stop();
      yield { kind: "changed", id, step: this.#step };
    }
  }

  #failed(blame: "job" | "node", code: string): TrainingEvent {
    return { kind: "failed", blame, code, message: `step ${this.#step}: ${code}`, step: this.#step };
  }

  async #checkpoint(): Promise<TrainingEvent> {
    const step = this.#step;
    this.#checkpointStep = step;
    return { kind: "checkpoint", step, ...(await this.#write(`checkpoint-${step}`, stateAt(step, this.#dataset))) };
  }

  async #finished(): Promise<TrainingEvent> {
    const step = this.#step;
    const onnx = await this.#write("model.onnx", `onnx step=${step} ${this.#dataset}`);
    const weights = await this.#write("weights.safetensors", `weights step=${step} ${this.#dataset}`);
    const files = { onnxPath: onnx.path, weightsPath: weights.path, weightsSha256: weights.sha256 };
    return { kind: "finished", step, metrics: { test_accuracy: 0.9 }, ...files, seconds: 1 };
  }

  async #replayed({ toStep, withModel, modelFrom, claim }: Replay): Promise<TrainingEvent> {
    const modelStep = modelFrom ? await stepIn(modelFrom) : toStep;
    const model = {
      onnxSha256: sha256(`onnx step=${modelStep} ${this.#dataset}`),
      weightsSha256: sha256(`weights step=${modelStep} ${this.#dataset}`),
    };
    return {
      kind: "replayed",
      step: toStep,
      endSha256: sha256(stateAt(toStep, this.#dataset)),
      ...(withModel ? model : {}),
      ...(claim ? { distance: 0.25 } : {}),
      seconds: 2,
    };
  }

  async #write(name: string, content: string): Promise<{ path: string; sha256: string; sizeBytes: number }> {
    const path = join(this.#job.outputDir, name);
    await writeFile(path, content);
    const hash = this.#script.hasWrongHash ? "0".repeat(64) : sha256(content);
    return { path, sha256: hash, sizeBytes: content.length };
  }
}

/** What a checkpoint holds. */
export function stateAt(step: number, dataset: string): string {
  return `step=${step} data=${dataset}`;
}

async function stepIn(checkpoint: string): Promise<number> {
  return Number(/step=(\d+)/.exec(await readFile(checkpoint, "utf8"))?.[1]);
}
