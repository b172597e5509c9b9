/**
 * VERIFY: a piece of a job once more, to see whether it gives what another node claimed.
 *
 * The claims are not in the assignment, except across hardware classes, where only a distance can be measured. What is
 * found is reported, never judged: that is the server's. Nothing is uploaded, so a re-run that is stopped leaves nothing
 * and its trainer is ended at once.
 */
import { AppError, isAppError } from "@cyxwiz/primitives";
import type { TrainingEvent } from "@cyxwiz/backend";
import type { ReportBody, StoredCheckpoint, VerifyAssignment } from "../central/messages.ts";
import { NODE_ERRORS } from "../errors.ts";
import { failureOf, trainerFailure } from "./failure-blame.ts";
import type { CachedObject } from "./object-cache.ts";
import { trainerChange } from "./trainer-change.ts";
import type { TrainerProcess } from "./trainer.ts";
import { workEvents } from "./work-events.ts";
import type { Work, WorkSite } from "./work-site.ts";

type Event<Kind extends TrainingEvent["kind"]> = Extract<TrainingEvent, { readonly kind: Kind }>;

export class Rerun implements Work {
  readonly #assignment: VerifyAssignment;
  readonly #site: WorkSite;
  #initialSha256: string | undefined;

  constructor(assignment: VerifyAssignment, site: WorkSite) {
    this.#assignment = assignment;
    this.#site = site;
  }

  async run(folder: string, outer: AbortSignal): Promise<ReportBody> {
    const { dataset, rerun, changes } = this.#assignment;
    const { context, stop } = this.#site;
    const signal = AbortSignal.any([outer, stop.signal]);
    const startMs = context.clock.monotonic();
    using data = await context.cache.fetch(dataset, signal);
    using start = await this.#fetch(rerun.start, signal);
    using model = await this.#fetch(rerun.model, signal);
    using claim = await this.#fetch(rerun.claim, signal);
    signal.throwIfAborted();
    const job = {
      ...this.#site.trainingJob({ folder, dataset: data.path }),
      ...(start ? { resumeFrom: start.path } : {}),
      changes: changes.map(trainerChange),
      replay: {
        toStep: rerun.toStep,
        withModel: rerun.withModel,
        ...(model ? { modelFrom: model.path } : {}),
        ...(claim ? { claim: claim.path } : {}),
      },
    };
    await using trainer = this.#site.startTrainer(job, signal);
    const end = await this.#follow(trainer);
    if (end?.kind === "replayed") return this.#replayed(end);
    if (!end) throw new AppError(NODE_ERRORS.TRAINER_SILENT, { step: this.#site.step });
    if (end.blame !== "job") return trainerFailure(end);
    const { code, step } = end;
    return this.#found({ failure: { code, step }, seconds: (context.clock.monotonic() - startMs) / 1_000 });
  }

  /** Reads the trainer's events to their end; gives the one that ends them. */
  async #follow(trainer: TrainerProcess): Promise<Event<"replayed" | "failed"> | undefined> {
    try {
      for await (const event of workEvents(trainer.events, { site: this.#site, assignment: this.#assignment })) {
        if (event.kind === "started") this.#initialSha256 = event.initialSha256;
        if (event.kind === "replayed" || event.kind === "failed") return event;
      }
      return undefined;
    } catch (error) {
      return this.#jobFault(error);
    }
  }

  /** A start that the job's own data does not allow is a failure as if the trainer had said it. */
  #jobFault(error: unknown): Event<"failed"> {
    const { blame, code, message } = failureOf(error);
    if (!isAppError(error) || blame !== "job") throw error;
    return { kind: "failed", blame, code, message, step: this.#site.step };
  }

  #replayed({ endSha256, onnxSha256, weightsSha256, distance, seconds }: Event<"replayed">): ReportBody {
    return this.#found({
      endSha256,
      ...(onnxSha256 === undefined ? {} : { onnxSha256 }),
      ...(weightsSha256 === undefined ? {} : { weightsSha256 }),
      ...(distance === undefined ? {} : { distance }),
      seconds,
    });
  }

  #found(finding: Omit<Extract<ReportBody, { kind: "rerun" }>, "kind" | keyof WorkSite["computedWith"]>): ReportBody {
    const initial = this.#initialSha256 === undefined ? {} : { initialSha256: this.#initialSha256 };
    return { kind: "rerun", ...initial, ...finding, ...this.#site.computedWith };
  }

  async #fetch(checkpoint: StoredCheckpoint | undefined, signal: AbortSignal): Promise<CachedObject | undefined> {
    return checkpoint && this.#site.context.fetchCheckpoint(checkpoint, signal);
  }
}
