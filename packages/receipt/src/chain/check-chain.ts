/**
 * Whether the entries of a chain can have happened in this order.
 *
 * The chain is read once, from front to back, with what was reached so far. It may end anywhere, as it does while a job
 * runs, or when a job ends without a model. Forms (hashes, ids) are not looked at here, and whether
 * the steps were computed at all is for a re-run to find out.
 * @see SPEC CHN4 to CHN12.
 */
import { AppError, assert, unreachable } from "@cyxwiz/primitives";
import { RECEIPT_ERRORS } from "../errors.ts";
import { MAX_CHAIN_ENTRIES } from "../limits.ts";
import type { ChainEntry, ChangeEntry, CheckpointEntry, ResultEntry, RunEntry, SegmentEntry } from "./chain-entry.ts";

/** What happened before an entry. */
interface Progress {
  readonly run: RunEntry;
  /** Step of the last checkpoint; 0 before the first. */
  committed: number;
  /** Largest step of any entry: above `committed` after a change that no checkpoint followed yet. */
  step: number;
  hasSegment: boolean;
  /** Whether the segment committed a checkpoint. */
  isSegmentCommitted: boolean;
  /** The step at which the user stopped the job. */
  stoppedAt: number | null;
  hasResult: boolean;
  readonly changeIds: Set<string>;
}

/**
 * Checks the order of a chain's entries. Cost: one pass. Pure.
 * @throws AppError `receipt/chain-malformed` with the entry, what it is and what was allowed; `receipt/chain-gap` when
 * more steps lie between two checkpoints than the run allows; `receipt/chain-exceeded`.
 */
export function checkChain(entries: readonly ChainEntry[]): void {
  if (entries.length > MAX_CHAIN_ENTRIES) {
    throw new AppError(RECEIPT_ERRORS.CHAIN_EXCEEDED, { have: entries.length, allowed: MAX_CHAIN_ENTRIES });
  }
  const [run] = entries;
  if (run?.kind !== "run") throw malformed(0, run === undefined ? "missing" : `a ${run.kind}`, "the run");
  checkRun(run);
  const progress: Progress = {
    run,
    committed: 0,
    step: 0,
    hasSegment: false,
    isSegmentCommitted: false,
    stoppedAt: null,
    hasResult: false,
    changeIds: new Set(),
  };
  for (const [index, entry] of entries.entries()) if (index > 0) take(progress, entry, index);
}

/** The run of a chain that `checkChain` passed. */
export function runOf([run]: readonly ChainEntry[]): RunEntry {
  assert(run?.kind === "run", "a checked chain starts with its run");
  return run;
}

/** The step of the last checkpoint in a chain: what is committed. 0 without one. */
export function committedStep(entries: readonly ChainEntry[]): number {
  return entries.findLast((entry) => entry.kind === "checkpoint")?.step ?? 0;
}

function checkRun({ total_steps, checkpoint_every_steps }: RunEntry): void {
  for (const [name, value] of Object.entries({ total_steps, checkpoint_every_steps })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw malformed(0, `a run with ${name} ${value}`, "a whole number from 1");
    }
  }
}

function take(progress: Progress, entry: ChainEntry, index: number): void {
  if (progress.hasResult) throw malformed(index, `a ${entry.kind} after the result`, "nothing");
  if (entry.kind === "run") throw malformed(index, "another run", "any other entry");
  checkStep(progress, entry, index);
  if (!progress.hasSegment && entry.kind !== "segment") throw malformed(index, `a ${entry.kind}`, "a segment");
  switch (entry.kind) {
    case "segment":
      return takeSegment(progress, entry, index);
    case "checkpoint":
      return takeCheckpoint(progress, entry, index);
    case "change":
      return takeChange(progress, entry, index);
    case "result":
      return takeResult(progress, entry, index);
    default:
      return unreachable(entry);
  }
}

/** A whole step of the job, not before what happened already, not after a stop. */
function checkStep({ run, step, stoppedAt }: Progress, entry: Exclude<ChainEntry, RunEntry>, index: number): void {
  const at = entry.kind === "segment" ? entry.from_step : entry.step;
  const isInside = Number.isSafeInteger(at) && at >= 0 && at <= run.total_steps;
  if (!isInside) throw malformed(index, `a ${entry.kind} at step ${at}`, `a whole step from 0 to ${run.total_steps}`);
  if (at < step) throw malformed(index, `a ${entry.kind} at step ${at}`, `no step before ${step}, which is reached`);
  if (stoppedAt !== null && at > stoppedAt) {
    throw malformed(
      index,
      `a ${entry.kind} at step ${at}`,
      `nothing after step ${stoppedAt}, where the job was stopped`,
    );
  }
}

function takeSegment(progress: Progress, { from_step }: SegmentEntry, index: number): void {
  const { committed, hasSegment, isSegmentCommitted } = progress;
  if (from_step !== committed) {
    throw malformed(index, `a segment from step ${from_step}`, `one from step ${committed}, the last checkpoint`);
  }
  if (hasSegment && !isSegmentCommitted) {
    throw malformed(index, "a segment after one that committed nothing", "a segment after a checkpoint");
  }
  if (progress.step > committed) {
    const change = `a change at step ${progress.step} that is not committed`;
    throw malformed(index, `a segment after ${change}`, "a checkpoint");
  }
  progress.hasSegment = true;
  progress.isSegmentCommitted = false;
}

function takeCheckpoint(progress: Progress, { step }: CheckpointEntry, index: number): void {
  const { committed, stoppedAt } = progress;
  if (step <= committed) throw malformed(index, `a checkpoint at step ${step}`, `one after step ${committed}`);
  // A change at this step stands before the checkpoint only when it stopped the job, which made the checkpoint.
  if (step === progress.step && stoppedAt === null) {
    throw malformed(index, `a checkpoint at step ${step} after a change at that step`, "the checkpoint first");
  }
  checkGap(progress, step, index);
  progress.committed = step;
  progress.step = step;
  progress.isSegmentCommitted = true;
}

function takeChange(progress: Progress, { change_id, step, stop }: ChangeEntry, index: number): void {
  if (progress.stoppedAt !== null) throw malformed(index, "a change after the job was stopped", "no change");
  if (progress.changeIds.has(change_id)) {
    throw malformed(index, `the change ${change_id.slice(0, 40)} again`, "each change once");
  }
  checkGap(progress, step, index);
  progress.changeIds.add(change_id);
  progress.step = step;
  if (stop) progress.stoppedAt = step;
}

/** Whether the job ended where it had to is a question of its outcome: `checkReceipt`. */
function takeResult(progress: Progress, { step }: ResultEntry, index: number): void {
  const { committed } = progress;
  if (committed === 0 || step !== committed || progress.step !== committed) {
    const allowed =
      committed === 0 ? "a checkpoint before it" : `a result of the last checkpoint, at step ${committed}`;
    throw malformed(index, `a result at step ${step}`, allowed);
  }
  progress.hasResult = true;
}

function checkGap({ run, committed }: Progress, step: number, index: number): void {
  const allowed = run.checkpoint_every_steps;
  if (step - committed > allowed) {
    throw new AppError(RECEIPT_ERRORS.CHAIN_GAP, { entry: index, from: committed, to: step, allowed });
  }
}

function malformed(entry: number, found: string, allowed: string): AppError {
  return new AppError(RECEIPT_ERRORS.CHAIN_MALFORMED, { entry, found, allowed });
}
