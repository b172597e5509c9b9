/** What has to be run again to check a receipt, from what state, and what must come out. Pure. */
import type { TrainingChange } from "@cyxwiz/backend";
import { AppError } from "@cyxwiz/primitives";
import type {
  ChainEntry,
  ChangeEntry,
  CheckpointEntry,
  ReceiptBody,
  ResultEntry,
  RunEntry,
  SegmentEntry,
} from "@cyxwiz/receipt";
import { CLI_ERRORS } from "../errors.ts";
import type { WantedFile } from "./find-files.ts";

/** The drawn interval, or every step from the seed on. */
export type RerunScope = "interval" | "all";

export interface RerunPlan {
  readonly scope: RerunScope;
  readonly run: RunEntry;
  /** Steps `from` + 1 to `to`. */
  readonly from: number;
  readonly to: number;
  /** The state at `from`; undefined where that is the initial one. */
  readonly start: CheckpointEntry | undefined;
  /** The state at `to`; undefined where the job failed there by its own fault, which it must do again. */
  readonly end: CheckpointEntry | undefined;
  /** What the re-run comes past, in order, `end` included. */
  readonly checkpoints: readonly CheckpointEntry[];
  /** The model that was made of the state at `to`, if one was. */
  readonly result: ResultEntry | undefined;
  /** Who computed these steps with what. */
  readonly segments: readonly SegmentEntry[];
  readonly changes: readonly TrainingChange[];
}

/** @throws AppError `cli/rerun-impossible` when nothing was committed, or no interval was drawn. */
export function planRerun(receipt: ReceiptBody, scope: RerunScope): RerunPlan {
  const { chain, job_id: jobId, outcome } = receipt;
  const impossible = (reason: string): AppError => new AppError(CLI_ERRORS.RERUN_IMPOSSIBLE, { jobId, reason });
  const run = ofKind(chain, "run")[0];
  const checkpoints = ofKind(chain, "checkpoint");
  const last = checkpoints.at(-1)?.step;
  const drawn = receipt.verification.interval;
  if (!run) throw impossible("its chain says of no run");
  if (scope === "all" && last === undefined) throw impossible("it committed no checkpoint");
  if (scope === "interval" && !drawn) {
    throw impossible(last === undefined ? "it committed no checkpoint" : "no steps were drawn; try --rerun all");
  }
  const { from, to } = scope === "interval" && drawn ? drawn : { from: 0, to: last ?? 0 };
  const start = checkpoints.find((checkpoint) => checkpoint.step === from);
  const end = checkpoints.find((checkpoint) => checkpoint.step === to && to > from);
  const isFailure = outcome === "failed-by-job" && !end;
  if ((!end && !isFailure) || (from > 0 && !start)) {
    throw impossible(`it has no checkpoints at the ends of ${from} to ${to}`);
  }
  return {
    scope,
    run,
    from,
    to,
    start,
    end,
    checkpoints: checkpoints.filter(({ step }) => step > from && step <= to),
    result: ofKind(chain, "result").find((result) => result.step === to),
    segments: segmentsOf(chain, from, to),
    changes: ofKind(chain, "change")
      .filter((change) => change.step < to && !change.stop)
      .map(trainingChange),
  };
}

/** What the re-run starts from. */
export function inputsOf(plan: RerunPlan): { graph: WantedFile; dataset: WantedFile; start: WantedFile | undefined } {
  return {
    graph: { what: "the graph", content: { kind: "SHA-256", value: plan.run.graph_sha256 } },
    dataset: {
      what: "the dataset",
      content: { kind: "CID", value: plan.run.dataset_cid },
      cid: plan.run.dataset_cid,
    },
    start: plan.start && checkpointFile(plan.start),
  };
}

export function checkpointFile({ step, cid, sha256, size_bytes: sizeBytes }: CheckpointEntry): WantedFile {
  return { what: `the checkpoint at step ${step}`, content: { kind: "SHA-256", value: sha256 }, cid, sizeBytes };
}

export function ofKind<Kind extends ChainEntry["kind"]>(
  chain: readonly ChainEntry[],
  kind: Kind,
): Extract<ChainEntry, { kind: Kind }>[] {
  return chain.filter((entry): entry is Extract<ChainEntry, { kind: Kind }> => entry.kind === kind);
}

/** Those that computed any of steps `from` + 1 to `to`: each goes on until the next one starts. */
function segmentsOf(chain: readonly ChainEntry[], from: number, to: number): SegmentEntry[] {
  const segments = ofKind(chain, "segment");
  return segments.filter(({ from_step: first }, index) => {
    const next = segments[index + 1]?.from_step ?? Infinity;
    return first < to && next > from;
  });
}

function trainingChange(change: ChangeEntry): TrainingChange {
  return {
    id: change.change_id,
    step: change.step,
    ...(change.learning_rate !== null && { learningRate: change.learning_rate }),
    ...(change.batch_size !== null && { batchSize: change.batch_size }),
  };
}
