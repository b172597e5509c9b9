/**
 * One assignment from its inputs to its last report.
 *
 * Fetch → train in a child process → upload what it writes → report. Four ways to end: finished, failed (with whose fault
 * it is), stopped (cancelled by the server, or this node is going away: both after a last checkpoint), and dropped (the
 * server no longer counts the work: nothing more is reported). The device is given back before the last report is
 * answered; the work folder goes at the end of `run`.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import type { TrainingEvent, TrainingJob } from "@cyxwiz/backend";
import type { Artifact, Assignment, NodeReport } from "../central/messages.ts";
import type { DeviceLease } from "../devices/device-pool.ts";
import { NODE_ERRORS } from "../errors.ts";
import { CHECKPOINT_EVERY_STEPS, WAITING_UPLOADS } from "../limits.ts";
import { failureOf, publicMessage } from "./failure-blame.ts";
import type { RunContext } from "./run-context.ts";
import { ProgressRelay } from "./progress-relay.ts";
import type { TrainerProcess } from "./trainer.ts";
import { openWorkFolder } from "./work-folder.ts";

/** A report without its lease. */
type Body = NodeReport extends infer R
  ? R extends NodeReport
    ? Omit<R, "assignmentId" | "fencingToken">
    : never
  : never;
type Stop = { readonly kind: "cancel"; readonly keepModel: boolean } | { readonly kind: "drain" };

export class AssignmentRun {
  readonly assignment: Assignment;
  /** Last step that is done. */
  step: number;
  readonly #context: RunContext;
  readonly #device: DeviceLease;
  readonly #dropped = new AbortController();
  /** Ends the fetching of inputs when a stop is asked for; the trainer itself is asked, not aborted. */
  readonly #stopping = new AbortController();
  #stop: Stop | undefined;
  #trainer: TrainerProcess | undefined;
  #uploads: Promise<void> = Promise.resolve();
  #waitingUploads = 0;
  #uploadFailure: { readonly error: unknown } | undefined;

  constructor(assignment: Assignment, device: DeviceLease, context: RunContext) {
    this.assignment = assignment;
    this.step = assignment.resume?.step ?? 0;
    this.#device = device;
    this.#context = context;
  }

  /** The last report, or undefined when there is none to make. Never throws for a failure of the outside world. */
  async run(outer: AbortSignal): Promise<NodeReport | undefined> {
    const signal = AbortSignal.any([outer, this.#dropped.signal]);
    using _device = this.#device;
    try {
      await using folder = await openWorkFolder(this.#context.dataDir, this.assignment.assignmentId);
      const last = await this.#work(folder.path, signal);
      return signal.aborted ? undefined : this.#report(last);
    } catch (error) {
      if (signal.aborted) return undefined;
      const { assignmentId, jobId } = this.assignment;
      this.#context.logger.warn("an assignment broke off", { assignmentId, jobId, problem: errorMessage(error) });
      return this.#report(
        this.#stop ? this.#stopped(this.#stop) : { kind: "failed", ...failureOf(error), step: this.step },
      );
    }
  }

  /** Asks for a cooperative end; the first request counts, except that a cancel overrides a drain. */
  stop(stop: Stop): void {
    if (this.#stop?.kind === "cancel") return;
    this.#stop = stop;
    this.#stopping.abort();
    void this.#trainer?.stop();
  }

  /** True once it was asked to end: its device is free in a moment. */
  get isEnding(): boolean {
    return this.#stopping.signal.aborted || this.#dropped.signal.aborted;
  }

  /** Ends the work without a report. */
  drop(): void {
    this.#dropped.abort();
  }

  async #work(folder: string, signal: AbortSignal): Promise<Body> {
    const { cache, startTrainer, abilities } = this.#context;
    const { dataset, resume } = this.assignment;
    const fetching = AbortSignal.any([signal, this.#stopping.signal]);
    using data = await cache.fetch(dataset, fetching);
    using checkpoint = resume ? await this.#context.fetchCheckpoint(resume, fetching) : undefined;
    fetching.throwIfAborted();
    const { memoryBytes } = this.#device;
    const job = this.#trainingJob({ folder, dataset: data.path, resume: checkpoint?.path });
    await using trainer = startTrainer(job, { signal, memoryBytes, priority: this.#context.priority });
    this.#trainer = trainer;
    const end = await this.#follow(trainer, signal);
    await this.#uploads;
    if (this.#uploadFailure) throw this.#uploadFailure.error;
    if (this.#stop) return this.#stopped(this.#stop, await this.#keptModel(end, signal));
    if (end?.kind === "failed") return this.#failed(end);
    if (!end) throw new AppError(NODE_ERRORS.TRAINER_SILENT, { step: this.step });
    const { build, hardwareClass } = abilities;
    const { lowering } = this.assignment;
    return {
      kind: "result",
      step: end.step,
      metrics: end.metrics,
      seconds: end.seconds,
      lowering,
      build,
      hardwareClass,
      ...(await this.#model(end, signal)),
    };
  }

  /** Reads the trainer's events to their end; gives the one that ends them. */
  async #follow(
    trainer: TrainerProcess,
    signal: AbortSignal,
  ): Promise<Extract<TrainingEvent, { kind: "finished" | "failed" }> | undefined> {
    const { clock, outbox } = this.#context;
    const relay = new ProgressRelay(this.assignment.totalSteps, clock.monotonic());
    for await (const event of trainer.events) {
      if ("step" in event) this.step = Math.max(this.step, event.step);
      switch (event.kind) {
        case "started":
          this.#checkStart(event);
          break;
        case "progress":
        case "epoch": {
          const progress = relay.take(event, clock.monotonic());
          if (progress) outbox.push(this.#report({ kind: "progress", ...progress }));
          break;
        }
        case "checkpoint":
          await this.#queueUpload(event, signal);
          break;
        case "finished":
        case "failed":
          return event;
      }
    }
    return undefined;
  }

  #checkStart(event: Extract<TrainingEvent, { kind: "started" }>): void {
    const { lowering, totalSteps } = this.assignment;
    if (event.lowering !== lowering) {
      throw new AppError(NODE_ERRORS.LOWERING_UNSUPPORTED, { lowering, supported: [event.lowering] });
    }
    if (event.totalSteps !== totalSteps) {
      throw new AppError(NODE_ERRORS.STEPS_MISMATCH, { found: event.totalSteps, expected: totalSteps });
    }
  }

  /** Checkpoints go up one after the other, in their order, while training goes on. */
  async #queueUpload(event: Extract<TrainingEvent, { kind: "checkpoint" }>, signal: AbortSignal): Promise<void> {
    this.#waitingUploads++;
    this.#uploads = this.#uploadAfter(this.#uploads, event, signal);
    if (this.#waitingUploads >= WAITING_UPLOADS) await this.#uploads;
  }

  /** Never rejects: a failure ends the training, and `#work` reports it. */
  async #uploadAfter(
    earlier: Promise<void>,
    event: Extract<TrainingEvent, { kind: "checkpoint" }>,
    signal: AbortSignal,
  ): Promise<void> {
    await earlier;
    try {
      if (!this.#uploadFailure) await this.#uploadCheckpoint(event, signal);
    } catch (error) {
      this.#uploadFailure = { error };
      if (!signal.aborted) void this.#trainer?.[Symbol.asyncDispose]();
    } finally {
      this.#waitingUploads--;
    }
  }

  async #uploadCheckpoint(event: Extract<TrainingEvent, { kind: "checkpoint" }>, signal: AbortSignal): Promise<void> {
    const stored = await this.#context.upload(event.path, signal);
    if (stored.sha256 !== event.sha256) {
      const context = { cid: stored.cid, found: stored.sha256, expected: event.sha256 };
      throw new AppError(NODE_ERRORS.CHECKPOINT_MISMATCH, context);
    }
    await rm(event.path, { force: true });
    const isQueued = this.#context.outbox.push(this.#report({ kind: "checkpoint", step: event.step, ...stored }));
    if (!isQueued) throw new AppError(NODE_ERRORS.REPORTS_EXCEEDED, { waiting: this.#context.outbox.size });
  }

  #stopped(stop: Stop, model: { readonly onnx?: Artifact; readonly weights?: Artifact } = {}): Body {
    if (stop.kind === "cancel") return { kind: "cancelled", step: this.step, ...model };
    const { code, message } = NODE_ERRORS.NODE_DRAINING;
    return { kind: "failed", blame: "node", code, message: message({}), step: this.step };
  }

  #failed({ blame, code, message, step }: Extract<TrainingEvent, { kind: "failed" }>): Body {
    return { kind: "failed", blame, code, message: publicMessage(message), step };
  }

  /** What a cancelled training leaves, where it was to be kept. */
  async #keptModel(
    end: TrainingEvent | undefined,
    signal: AbortSignal,
  ): Promise<Partial<Record<"onnx" | "weights", Artifact>>> {
    const isKept = this.#stop?.kind === "cancel" && this.#stop.keepModel;
    return isKept && end?.kind === "finished" ? this.#model(end, signal) : {};
  }

  async #model(
    end: Extract<TrainingEvent, { kind: "finished" }>,
    signal: AbortSignal,
  ): Promise<{ readonly onnx: Artifact; readonly weights: Artifact }> {
    const onnx = await this.#context.upload(end.onnxPath, signal);
    return { onnx, weights: await this.#context.upload(end.weightsPath, signal) };
  }

  #trainingJob(files: { folder: string; dataset: string; resume: string | undefined }): TrainingJob {
    const { graph, settings, seed } = this.assignment;
    return {
      graph,
      seed,
      datasetPath: files.dataset,
      batchSize: settings.batchSize,
      epochs: settings.epochs,
      checkpointEverySteps: settings.checkpointEverySteps || CHECKPOINT_EVERY_STEPS,
      outputDir: join(files.folder, "out"),
      threads: this.#device.threads,
      ...(settings.learningRate === undefined ? {} : { learningRate: settings.learningRate }),
      ...(files.resume === undefined ? {} : { resumeFrom: files.resume }),
    };
  }

  #report(body: Body): NodeReport {
    const { assignmentId, fencingToken } = this.assignment;
    return { ...body, assignmentId, fencingToken };
  }
}
