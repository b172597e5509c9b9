/**
 * TRAIN: a job from its start, or from a checkpoint of an earlier attempt, to its model.
 *
 * What it commits (checkpoints and the user's changes) is uploaded, chained and reported in the order in which it
 * happened, while the training goes on. A training that is stopped writes a last checkpoint first.
 */
import { rm } from "node:fs/promises";
import { AppError, defined } from "@cyxwiz/primitives";
import type { TrainingEvent } from "@cyxwiz/backend";
import type { Artifact, LiveChange, ReportBody, StoredCheckpoint, TrainAssignment } from "../central/messages.ts";
import { NODE_ERRORS } from "../errors.ts";
import { LIVE_CHANGES } from "../limits.ts";
import { inChainOrder } from "./chain-order.ts";
import { CheckpointChain, runEntry } from "./checkpoint-chain.ts";
import { CommitQueue } from "./commit-queue.ts";
import { trainerFailure } from "./failure-blame.ts";
import { stoppedReport } from "./stop-request.ts";
import { trainerChange } from "./trainer-change.ts";
import type { TrainerProcess } from "./trainer.ts";
import { workEvents } from "./work-events.ts";
import type { Work, WorkSite } from "./work-site.ts";

type Event<Kind extends TrainingEvent["kind"]> = Extract<TrainingEvent, { readonly kind: Kind }>;

export class Training implements Work {
  readonly #assignment: TrainAssignment;
  readonly #site: WorkSite;
  readonly #changes: Map<string, LiveChange>;
  #trainer: TrainerProcess | undefined;
  /** There from the trainer's start on. */
  #begun: { readonly chain: CheckpointChain; readonly initialSha256: string } | undefined;

  constructor(assignment: TrainAssignment, site: WorkSite) {
    this.#assignment = assignment;
    this.#site = site;
    this.#changes = new Map(assignment.changes.map((change) => [change.changeId, change]));
  }

  async run(folder: string, signal: AbortSignal): Promise<ReportBody> {
    const { dataset, resume } = this.#assignment;
    const { context, stop } = this.#site;
    const fetching = AbortSignal.any([signal, stop.signal]);
    using data = await context.cache.fetch(dataset, fetching);
    using checkpoint = resume ? await context.fetchCheckpoint(resume, fetching) : undefined;
    fetching.throwIfAborted();
    const job = {
      ...this.#site.trainingJob({ folder, dataset: data.path }),
      ...(checkpoint ? { resumeFrom: checkpoint.path } : {}),
      changes: [...this.#changes.values()].map(trainerChange),
    };
    await using trainer = this.#site.startTrainer(job, signal);
    this.#trainer = trainer;
    stop.signal.addEventListener("abort", () => void trainer.stop(), { once: true });
    const commits = new CommitQueue(() => {
      if (!signal.aborted) void trainer[Symbol.asyncDispose]();
    });
    const end = await this.#follow(trainer, commits, signal);
    await commits.settled();
    return this.#ended(end, signal);
  }

  /** Hands a change to the trainer, now or when it starts. One that is known already changes nothing. */
  change(change: LiveChange): void {
    const { logger } = this.#site.context;
    const { changeId } = change;
    if (this.#changes.has(changeId)) return;
    if (this.#changes.size >= LIVE_CHANGES) {
      logger.warn("a change is let pass: the job has too many", { changeId, allowed: LIVE_CHANGES });
      return;
    }
    this.#changes.set(changeId, change);
    this.#trainer?.change(trainerChange(change));
  }

  /** Reads the trainer's events to their end; gives the one that ends them. */
  async #follow(
    trainer: TrainerProcess,
    commits: CommitQueue,
    signal: AbortSignal,
  ): Promise<Event<"finished" | "failed"> | undefined> {
    const events = inChainOrder(trainer.events);
    for await (const event of workEvents(events, { site: this.#site, assignment: this.#assignment })) {
      switch (event.kind) {
        case "started":
          this.#begin(event);
          break;
        case "checkpoint":
          await commits.add(() => this.#commitCheckpoint(event, signal));
          break;
        case "changed":
          if (!this.#isCommitted(event.id)) await commits.add(() => this.#commitChange(event));
          break;
        case "finished":
        case "failed":
          return event;
        case "replayed":
          break;
      }
    }
    return undefined;
  }

  #begin({ initialSha256 }: Event<"started">): void {
    const { chainHead, resume } = this.#assignment;
    const { lowering, build, hardwareClass } = this.#site.computedWith;
    const chain = new CheckpointChain({
      ...(chainHead === undefined ? {} : { head: chainHead }),
      run: runEntry(this.#assignment, initialSha256),
      segment: {
        kind: "segment",
        from_step: resume?.step ?? 0,
        node_id: this.#site.context.nodeId,
        lowering,
        build,
        hardware_class: hardwareClass,
        threads: this.#site.threads,
      },
    });
    this.#begun = { chain, initialSha256 };
  }

  /** Whether an earlier attempt committed the change: then it is part of the chain that this attempt goes on from. */
  #isCommitted(changeId: string): boolean {
    const { changes, chainHead, resume } = this.#assignment;
    const step = changes.find((change) => change.changeId === changeId)?.step;
    return chainHead !== undefined && step !== undefined && step <= (resume?.step ?? 0);
  }

  async #commitCheckpoint(event: Event<"checkpoint">, signal: AbortSignal): Promise<void> {
    const stored = await this.#site.context.upload(event.path, signal);
    if (stored.sha256 !== event.sha256) {
      const context = { cid: stored.cid, found: stored.sha256, expected: event.sha256 };
      throw new AppError(NODE_ERRORS.CHECKPOINT_MISMATCH, context);
    }
    await rm(event.path, { force: true });
    const { chain, initialSha256 } = defined(this.#begun, "the trainer's start");
    const checkpoint: StoredCheckpoint = { step: event.step, ...stored };
    chain.checkpoint(checkpoint);
    this.#commit({ kind: "checkpoint", ...checkpoint, initialSha256 });
  }

  async #commitChange({ id, step }: Event<"changed">): Promise<void> {
    const change = defined(this.#changes.get(id), `the change ${id}`);
    defined(this.#begun, "the trainer's start").chain.change(step, change);
    this.#commit({ kind: "changed", changeId: id, step });
  }

  #commit(body: ReportBody): void {
    if (this.#site.push(body)) return;
    throw new AppError(NODE_ERRORS.REPORTS_EXCEEDED, { waiting: this.#site.context.outbox.size });
  }

  async #ended(end: Event<"finished" | "failed"> | undefined, signal: AbortSignal): Promise<ReportBody> {
    const { step, stop } = this.#site;
    if (stop.asked) {
      const isKept = stop.asked.kind === "cancel" && stop.asked.keepModel && end?.kind === "finished";
      return stoppedReport(stop.asked, step, isKept ? await this.#model(end, signal) : {});
    }
    if (end?.kind === "failed") return trainerFailure(end);
    if (!end) throw new AppError(NODE_ERRORS.TRAINER_SILENT, { step });
    return this.#result(end, signal);
  }

  async #result(end: Event<"finished">, signal: AbortSignal): Promise<ReportBody> {
    const { chain, initialSha256 } = defined(this.#begun, "the trainer's start");
    const { step, metrics, seconds } = end;
    const model = await this.#model(end, signal);
    const hashes = { onnxSha256: model.onnx.sha256, weightsSha256: model.weights.sha256 };
    const chainRoot = chain.result({ step, ...hashes });
    return { kind: "result", step, metrics, seconds, ...this.#site.computedWith, ...model, chainRoot, initialSha256 };
  }

  async #model(
    end: Event<"finished">,
    signal: AbortSignal,
  ): Promise<{ readonly onnx: Artifact; readonly weights: Artifact }> {
    const { upload } = this.#site.context;
    const onnx = await upload(end.onnxPath, signal);
    return { onnx, weights: await upload(end.weightsPath, signal) };
  }
}
