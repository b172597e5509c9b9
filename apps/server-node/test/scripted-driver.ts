/** A trainer that satisfies the node's port in memory: it "trains" by writing small files that its job decides. */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainingEvent, TrainingJob } from "@cyxwiz/backend";
import type { StartTrainer, TrainerProcess, TrainingDriver } from "../src/jobs/trainer.ts";

type TrainerOptions = Parameters<StartTrainer>[1];

export interface Script {
  readonly totalSteps?: number;
  readonly lowering?: string;
  /** The step before which it waits until `go` is called. */
  readonly pauseAt?: number;
  /** The step at which the loss is no number. */
  readonly nanAt?: number;
  /** The step after which it goes away without a word. */
  readonly silentAt?: number;
  /** Names a wrong hash for its checkpoints. */
  readonly hasWrongHash?: boolean;
}

export interface ScriptedDriver extends TrainingDriver {
  readonly jobs: readonly TrainingJob[];
  readonly options: readonly TrainerOptions[];
  /** Lets a paused training go on. */
  go(): void;
}

export const LOWERING = "loop-1";
const BUILD = "scripted-1";
const HARDWARE_CLASS = "x64-test";

export function scriptedDriver(script: Script = {}): ScriptedDriver {
  const jobs: TrainingJob[] = [];
  const options: TrainerOptions[] = [];
  const gate = Promise.withResolvers<void>();
  return {
    abilities: { build: BUILD, lowerings: [LOWERING], hardwareClass: HARDWARE_CLASS },
    devices: ["cpu"],
    measure: async () => ({
      trainFlopsPerSecond: 5e9,
      lowering: LOWERING,
      build: BUILD,
      hardwareClass: HARDWARE_CLASS,
    }),
    start: (job, given) => {
      jobs.push(job);
      options.push(given);
      return scriptedTrainer(job, given.signal, script, gate.promise);
    },
    jobs,
    options,
    go: () => gate.resolve(),
  };
}

function scriptedTrainer(job: TrainingJob, signal: AbortSignal, script: Script, gate: Promise<void>): TrainerProcess {
  const stopped = Promise.withResolvers<void>();
  const state = { isStopped: false };
  const killed = new AbortController();
  const dead = new Promise<void>((resolve) => {
    for (const s of [signal, killed.signal]) s.addEventListener("abort", () => resolve(), { once: true });
  });
  async function* events(): AsyncGenerator<TrainingEvent> {
    const { totalSteps = 6, lowering = LOWERING } = script;
    await mkdir(job.outputDir, { recursive: true });
    const dataset = await readFile(job.datasetPath, "utf8");
    const firstStep = job.resumeFrom ? Number(/step=(\d+)/.exec(await readFile(job.resumeFrom, "utf8"))?.[1]) : 0;
    yield { kind: "started", firstStep, totalSteps, stepsPerEpoch: 3, lowering, build: BUILD };
    let step = firstStep;
    const write = async (
      name: string,
      content: string,
    ): Promise<{ path: string; sha256: string; sizeBytes: number }> => {
      const path = join(job.outputDir, name);
      await writeFile(path, content);
      const sha256 = script.hasWrongHash ? "0".repeat(64) : createHash("sha256").update(content).digest("hex");
      return { path, sha256, sizeBytes: content.length };
    };
    const checkpoint = async (): Promise<TrainingEvent> => ({
      kind: "checkpoint",
      step,
      ...(await write(`checkpoint-${step}`, `step=${step} data=${dataset}`)),
    });
    while (step < totalSteps && !state.isStopped) {
      if (step + 1 === script.pauseAt) await Promise.race([gate, stopped.promise, dead]);
      if (signal.aborted || killed.signal.aborted) return;
      if (state.isStopped) break;
      step++;
      if (step === script.nanAt) {
        yield {
          kind: "failed",
          blame: "job",
          code: "backend/loss-not-finite",
          message: `the loss of step ${step} is NaN`,
          step,
        };
        return;
      }
      yield { kind: "progress", step, epoch: 1, loss: 1 / step, samplesPerSecond: 100, secondsLeft: totalSteps - step };
      if (step % job.checkpointEverySteps === 0) yield await checkpoint();
      if (step === script.silentAt) return;
      if (step % 3 === 0) yield { kind: "epoch", epoch: step / 3, step, testLoss: 0.5, testAccuracy: 0.9 };
    }
    if (state.isStopped) yield await checkpoint();
    const onnx = await write("model.onnx", `onnx step=${step} ${dataset}`);
    const weights = await write("weights.safetensors", `weights step=${step} ${dataset}`);
    const metrics = { test_accuracy: 0.9 };
    yield {
      kind: "finished",
      step,
      metrics,
      onnxPath: onnx.path,
      weightsPath: weights.path,
      weightsSha256: weights.sha256,
      seconds: 1,
    };
  }
  return {
    events: events(),
    stop: () => {
      state.isStopped = true;
      stopped.resolve();
    },
    [Symbol.asyncDispose]: async () => killed.abort(),
  };
}
