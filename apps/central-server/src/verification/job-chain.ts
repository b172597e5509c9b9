/**
 * A job's checkpoint chain as the server knows it: its own rows in the order of what happened.
 *
 * Every checkpoint's hash is the server's own, taken when the bytes were uploaded. A node that commits a result has to
 * arrive at the same root.
 * @see packages/receipt/SPEC.md, CHN rules.
 */
import { createHash } from "node:crypto";
import type { ChainEntry, ChangeEntry, SegmentEntry } from "@cyxwiz/receipt";
import type { Database } from "../database/open-database.ts";
import type { JobRow } from "../jobs/job-state.ts";
import type { QuoteRecord } from "../quotes/quote-record.ts";
import { modelOf, type JobEnding } from "./job-ending.ts";

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/**
 * The entries up to the last committed checkpoint, and the result where the ending has a model. Undefined while the
 * initial state is not known: nothing was committed by a node that keeps a chain.
 */
export async function chainOf(
  db: Database,
  job: JobRow,
  quote: QuoteRecord,
  ending?: JobEnding,
): Promise<readonly ChainEntry[] | undefined> {
  if (job.initial_sha256 === null) return undefined;
  const checkpoints = await readCheckpoints(db, job.id);
  const changes = await readChanges(db, job);
  const entries: ChainEntry[] = [runEntry(job, quote, job.initial_sha256)];
  for (const [index, checkpoint] of checkpoints.entries()) {
    const before = Number(checkpoints[index - 1]?.step ?? 0n);
    const step = Number(checkpoint.step);
    if (checkpoint.assignment_id !== checkpoints[index - 1]?.assignment_id) {
      entries.push(segmentEntry(checkpoint, before));
    }
    entries.push(...changes.filter(({ entry }) => entry.step >= before && entry.step < step).map(({ entry }) => entry));
    const { cid, sha256: hash, size_bytes } = checkpoint;
    entries.push({ kind: "checkpoint", step, cid, sha256: hash, size_bytes: Number(size_bytes) });
  }
  entries.push(...stopAfter(entries, checkpoints.at(-1), changes));
  const model = ending && modelOf(ending);
  if (model) {
    const { onnx, weights } = model;
    const step = Number(job.committed_step);
    entries.push({ kind: "result", step, onnx_sha256: onnx.sha256, weights_sha256: weights.sha256 });
  }
  return entries;
}

/** A stop at the last checkpoint that is not in the chain yet: with the segment of an attempt that did nothing else. */
function stopAfter(
  entries: readonly ChainEntry[],
  last: CheckpointRow | undefined,
  changes: readonly AppliedChange[],
): readonly ChainEntry[] {
  const step = Number(last?.step);
  const atEnd = changes.filter(({ entry }) => entry.step === step && !entries.includes(entry));
  const stop = atEnd.find(({ entry }) => entry.stop);
  if (!stop) return [];
  const segment = stop.attempt.assignment_id === last?.assignment_id ? [] : [segmentEntry(stop.attempt, step)];
  return [...segment, ...atEnd.map(({ entry }) => entry)];
}

/** The segments of a chain with the steps of their checkpoints; `from` is the step before the first. */
export interface Segment {
  readonly entry: SegmentEntry;
  readonly from: number;
  readonly checkpoints: readonly number[];
}

export function segmentsOf(entries: readonly ChainEntry[]): readonly Segment[] {
  const segments: { entry: SegmentEntry; from: number; checkpoints: number[] }[] = [];
  for (const entry of entries) {
    if (entry.kind === "segment") segments.push({ entry, from: entry.from_step, checkpoints: [] });
    if (entry.kind === "checkpoint") segments.at(-1)?.checkpoints.push(entry.step);
  }
  return segments;
}

function runEntry(job: JobRow, quote: QuoteRecord, initialSha256: string): ChainEntry {
  const { settings, dataset, seed } = quote;
  return {
    kind: "run",
    job_id: job.id,
    graph_sha256: createHash("sha256").update(quote.graph).digest("hex"),
    dataset_cid: dataset.cid,
    seed,
    batch_size: settings.batch_size,
    epochs: settings.epochs,
    learning_rate: settings.learning_rate,
    checkpoint_every_steps: settings.checkpoint_every_steps,
    total_steps: quote.totalSteps,
    initial_sha256: initialSha256,
  };
}

/** The attempt that did something, with what it computed with. */
interface Attempt {
  readonly assignment_id: string;
  readonly machine_id: string;
  readonly lowering: string;
  readonly build: string;
  readonly hardware_class: string;
  readonly threads: number;
}

interface CheckpointRow extends Attempt {
  readonly step: bigint;
  readonly cid: string;
  readonly sha256: string;
  readonly size_bytes: bigint;
}

interface AppliedChange {
  readonly entry: ChangeEntry;
  readonly attempt: Attempt;
}

function segmentEntry({ machine_id, lowering, build, hardware_class, threads }: Attempt, from: number): SegmentEntry {
  return { kind: "segment", from_step: from, node_id: machine_id, lowering, build, hardware_class, threads };
}

const ATTEMPT = [
  "assignments.machine_id",
  "assignments.lowering",
  "assignments.build",
  "assignments.hardware_class",
  "assignments.threads",
] as const;

async function readCheckpoints(db: Database, jobId: string): Promise<readonly CheckpointRow[]> {
  return db
    .selectFrom("checkpoints")
    .innerJoin("assignments", "assignments.id", "checkpoints.assignment_id")
    .select(["checkpoints.step", "checkpoints.cid", "checkpoints.sha256", "checkpoints.size_bytes"])
    .select(["checkpoints.assignment_id", ...ATTEMPT])
    .where("checkpoints.job_id", "=", jobId)
    .orderBy("checkpoints.step")
    .execute();
}

/** Changes that took effect up to the last checkpoint, in the order in which they were asked for. */
async function readChanges(db: Database, job: JobRow): Promise<readonly AppliedChange[]> {
  const rows = await db
    .selectFrom("job_changes")
    .innerJoin("assignments", "assignments.id", "job_changes.applied_by")
    .selectAll("job_changes")
    .select(ATTEMPT)
    .where("job_changes.job_id", "=", job.id)
    .where("applied_step", "<=", job.committed_step)
    .orderBy("applied_step")
    .orderBy("requested_at")
    .orderBy("job_changes.id")
    .execute();
  return rows.map((row) => {
    const { id, applied_step, learning_rate, batch_size, stop, signature } = row;
    const values = { learning_rate, batch_size, stop, signature };
    return {
      entry: { kind: "change", change_id: id, step: Number(applied_step), ...values },
      attempt: { ...row, assignment_id: row.applied_by ?? "" },
    };
  });
}
