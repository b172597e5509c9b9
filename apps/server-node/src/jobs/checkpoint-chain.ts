/**
 * The hash chain over what a job committed, as this node saw it: the server computes the same from what it was told, and
 * a result counts only when both have the same root.
 *
 * The entries are those of `@cyxwiz/receipt`. An attempt that goes on from a checkpoint goes on from the head that the
 * server names for it; an attempt that commits nothing leaves no trace, so its segment enters with its first commit.
 */
import { createHash } from "node:crypto";
import { CHAIN_START, type ChainEntry, extendChain, type RunEntry, type SegmentEntry } from "@cyxwiz/receipt";
import type { LiveChange, StoredCheckpoint, TrainAssignment } from "../central/messages.ts";

export interface ChainOptions {
  /** Head of what earlier attempts committed. Absent: the chain begins, with `run`. */
  readonly head?: string;
  readonly run: RunEntry;
  /** This attempt's part. */
  readonly segment: SegmentEntry;
}

export class CheckpointChain {
  #head: string;
  /** Until the first commit. */
  #segment: SegmentEntry | undefined;

  constructor({ head, run, segment }: ChainOptions) {
    this.#head = head ?? extendChain(CHAIN_START(sha256), run, sha256);
    this.#segment = segment;
  }

  checkpoint({ step, cid, sha256: hash, sizeBytes }: StoredCheckpoint): void {
    this.#commit({ kind: "checkpoint", step, cid, sha256: hash, size_bytes: sizeBytes });
  }

  /** `step` is the last one before the change took effect. */
  change(step: number, { changeId, learningRate, batchSize, stop, signature }: LiveChange): void {
    const values = { learning_rate: learningRate ?? null, batch_size: batchSize ?? null };
    this.#commit({ kind: "change", change_id: changeId, step, ...values, stop, signature });
  }

  /** Ends the chain with the model that the last checkpoint became, and gives its root. */
  result(result: { readonly step: number; readonly onnxSha256: string; readonly weightsSha256: string }): string {
    const { step, onnxSha256, weightsSha256 } = result;
    this.#extend({ kind: "result", step, onnx_sha256: onnxSha256, weights_sha256: weightsSha256 });
    return this.#head;
  }

  #commit(entry: ChainEntry): void {
    if (this.#segment) this.#extend(this.#segment);
    this.#segment = undefined;
    this.#extend(entry);
  }

  #extend(entry: ChainEntry): void {
    this.#head = extendChain(this.#head, entry, sha256);
  }
}

/** What everything in the job follows from. Pure. */
export function runEntry(assignment: TrainAssignment, initialSha256: string): RunEntry {
  const { jobId, graph, dataset, seed, settings, totalSteps } = assignment;
  return {
    kind: "run",
    job_id: jobId,
    graph_sha256: createHash("sha256").update(graph, "utf8").digest("hex"),
    dataset_cid: dataset.cid,
    seed,
    batch_size: settings.batchSize,
    epochs: settings.epochs,
    learning_rate: settings.learningRate ?? null,
    checkpoint_every_steps: settings.checkpointEverySteps,
    total_steps: totalSteps,
    initial_sha256: initialSha256,
  };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
