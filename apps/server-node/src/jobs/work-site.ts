/** What a piece of work has at hand while it is done: what it was given, on which device, and its way to report. */
import { join } from "node:path";
import type { TrainingJob } from "@cyxwiz/backend";
import type { Assignment, ComputedWith, LiveChange, NodeReport, ReportBody } from "../central/messages.ts";
import type { DeviceLease } from "../devices/device-pool.ts";
import { CHECKPOINT_EVERY_STEPS } from "../limits.ts";
import type { RunContext } from "./run-context.ts";
import { StopRequest } from "./stop-request.ts";
import type { TrainerProcess } from "./trainer.ts";

/** One kind of work. */
export interface Work {
  /**
   * Does it, in a folder that is removed afterwards, and gives what its last report says.
   * @throws what `failureOf` judges; the signal's reason when it aborts.
   */
  run(folder: string, signal: AbortSignal): Promise<ReportBody>;
  /** Takes a change by the user. Absent where there is nothing to change. */
  readonly change?: (change: LiveChange) => void;
}

export interface WorkSiteOptions {
  readonly assignment: Assignment;
  readonly device: DeviceLease;
  readonly context: RunContext;
}

export class WorkSite {
  readonly context: RunContext;
  readonly stop: StopRequest = new StopRequest();
  /** Last step that is done. */
  step: number;
  readonly #assignment: Assignment;
  readonly #device: DeviceLease;

  constructor({ assignment, device, context }: WorkSiteOptions) {
    this.#assignment = assignment;
    this.#device = device;
    this.context = context;
    this.step = (assignment.kind === "TRAIN" ? assignment.resume?.step : assignment.rerun.fromStep) ?? 0;
  }

  /** Computing threads of every trainer of this assignment. Its bits depend on them. */
  get threads(): number {
    return this.#device.threads;
  }

  get computedWith(): ComputedWith {
    const { build, hardwareClass } = this.context.abilities;
    return { lowering: this.#assignment.lowering, build, hardwareClass };
  }

  /** A report under the assignment's lease. */
  report(body: ReportBody): NodeReport {
    const { assignmentId, fencingToken } = this.#assignment;
    return { ...body, assignmentId, fencingToken };
  }

  /** Queues a report; false when the outbox is full. */
  push(body: ReportBody): boolean {
    return this.context.outbox.push(this.report(body));
  }

  /** What every trainer of this assignment is asked to do. */
  trainingJob(files: { readonly folder: string; readonly dataset: string }): TrainingJob {
    const { graph, settings, seed } = this.#assignment;
    return {
      graph,
      seed,
      datasetPath: files.dataset,
      batchSize: settings.batchSize,
      epochs: settings.epochs,
      checkpointEverySteps: settings.checkpointEverySteps || CHECKPOINT_EVERY_STEPS,
      outputDir: join(files.folder, "out"),
      threads: this.threads,
      ...(settings.learningRate === undefined ? {} : { learningRate: settings.learningRate }),
    };
  }

  /** Starts a trainer within the device's limits. */
  startTrainer(job: TrainingJob, signal: AbortSignal): TrainerProcess {
    const { startTrainer, priority } = this.context;
    return startTrainer(job, { signal, memoryBytes: this.#device.memoryBytes, priority });
  }
}
