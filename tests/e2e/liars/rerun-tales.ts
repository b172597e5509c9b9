/** Re-runs that were not done, or are not told as they came out. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { TrainingEvent, TrainingJob } from "@cyxwiz/backend";
import { startInProcess } from "./in-process-trainer.ts";
import type { Lie, Tale } from "./lie.ts";

/** Does the work, and says that everything came out differently. */
export const contradicting: Tale = async function* (job) {
  await using trainer = startInProcess(job);
  for await (const event of trainer.events) {
    yield event.kind === "replayed" ? { ...event, endSha256: hash("something else") } : event;
  }
};

/** Saves the work: answers with the only state that it was given, and with hashes that it makes up. */
export const echoing: Tale = async function* (job) {
  yield await beginningOf(job);
  const endSha256 = job.resumeFrom === undefined ? hash("nothing") : hash(await readFile(job.resumeFrom));
  const model = job.replay?.withModel ? { onnxSha256: hash("onnx"), weightsSha256: hash("weights") } : {};
  yield { kind: "replayed", step: job.replay?.toStep ?? 0, endSha256, ...model, seconds: 1 };
};

/** What a liar tells its friend beside the market: everything that it claimed. */
export class Whisper {
  readonly ends: Map<number, string> = new Map();
  onnxSha256 = "";
  weightsSha256 = "";

  /** A lie, and every hash of it passed on. */
  passing({ tell }: Lie): Lie {
    return {
      ...(tell && { tell }),
      report: (report) => {
        if (report.kind === "checkpoint") this.ends.set(report.step, report.sha256);
        if (report.kind === "result") {
          this.onnxSha256 = report.onnx.sha256;
          this.weightsSha256 = report.weights.sha256;
        }
        return report;
      },
    };
  }

  /** Agrees with everything, without a step of work. */
  get agreeing(): Tale {
    const { ends } = this;
    const model = (): object => ({ onnxSha256: this.onnxSha256, weightsSha256: this.weightsSha256 });
    return async function* (job) {
      yield await beginningOf(job);
      const { toStep = 0, withModel = false } = job.replay ?? {};
      const endSha256 = ends.get(toStep) ?? hash("not told");
      yield { kind: "replayed", step: toStep, endSha256, ...(withModel && model()), seconds: 1 };
    };
  }
}

/** The start alone: it names the initial state, which follows from the seed. */
async function beginningOf(job: TrainingJob): Promise<TrainingEvent> {
  await using trainer = startInProcess(job);
  for await (const event of trainer.events) if (event.kind === "started" || event.kind === "failed") return event;
  throw new Error("the trainer said nothing");
}

function hash(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
