import { expect, test } from "vitest";
import { caught } from "../errors.fixture.ts";
import { RECEIPT_ERRORS } from "../errors.ts";
import { MAX_CHAIN_ENTRIES } from "../limits.ts";
import { aChange, aCheckpoint, aResult, aRun, aSegment, aStop } from "./chain.fixture.ts";
import type { ChainEntry } from "./chain-entry.ts";
import { checkChain, committedStep } from "./check-chain.ts";

const MALFORMED = RECEIPT_ERRORS.CHAIN_MALFORMED.code;
const GAP = RECEIPT_ERRORS.CHAIN_GAP.code;

/** Every 25 of 100 steps. */
const checkpoints = (...steps: readonly number[]): readonly ChainEntry[] => steps.map(aCheckpoint);

function expectRefused(entries: readonly ChainEntry[], code: string, message: string): void {
  const error = caught(() => checkChain(entries));
  expect(error).toMatchObject({ code });
  expect((error as Error).message).toContain(message);
}

test.each<[string, readonly ChainEntry[]]>([
  ["a job that runs", [aRun(), aSegment(0), ...checkpoints(25)]],
  ["a run of which nothing is committed", [aRun()]],
  ["a completed job", [aRun(), aSegment(0), ...checkpoints(25, 50, 75, 100), aResult(100)]],
  [
    "a job of two attempts, the first drained off the rhythm",
    [aRun(), aSegment(0), ...checkpoints(25, 31), aSegment(31, 11), ...checkpoints(50, 75, 100), aResult(100)],
  ],
  [
    "an attempt that only had to make the result",
    [aRun(), aSegment(0), ...checkpoints(25, 50, 75, 100), aSegment(100, 11), aResult(100)],
  ],
  [
    "changes at a checkpoint, between two, and by the next attempt at its start",
    [aRun(), aSegment(0), aCheckpoint(25), aChange(25), aChange(30), aCheckpoint(50), aSegment(50, 11), aChange(50)],
  ],
  [
    "a change of a lost attempt at the next one's start",
    [aRun(), aSegment(0), aCheckpoint(25), aChange(25), aSegment(25)],
  ],
  ["a stop between two checkpoints", [aRun(), aSegment(0), aCheckpoint(25), aStop(30), aCheckpoint(30), aResult(30)]],
  ["a stop at a checkpoint", [aRun(), aSegment(0), aCheckpoint(25), aStop(25), aResult(25)]],
  [
    "a stop whose result another attempt made",
    [aRun(), aSegment(0), aCheckpoint(25), aStop(30), aCheckpoint(30), aSegment(30, 11), aResult(30)],
  ],
  [
    "another change and the stop at one step",
    [aRun(), aSegment(0), aCheckpoint(25), aChange(30), aStop(30), aCheckpoint(30), aResult(30)],
  ],
  ["a cancelled job whose model is kept", [aRun(), aSegment(0), ...checkpoints(25, 31), aResult(31)]],
  ["a change before the step that failed", [aRun(), aSegment(0), aCheckpoint(25), aChange(33)]],
])("[CHN4] %s is a chain", (_what, entries) => {
  expect(caught(() => checkChain(entries))).toBeUndefined();
});

test.each<[string, readonly ChainEntry[], string]>([
  ["nothing", [], "entry 0 of the chain is missing: allowed here is the run"],
  ["a segment first", [aSegment(0)], "entry 0 of the chain is a segment"],
  ["a second run", [aRun(), aSegment(0), aRun()], "entry 2 of the chain is another run"],
  ["a run of no steps", [aRun({ total_steps: 0 })], "a run with total_steps 0"],
  ["a run without a rhythm", [aRun({ checkpoint_every_steps: 0.5 })], "a run with checkpoint_every_steps 0.5"],
])("[CHN4] %s is refused: a chain starts with one run", (_what, entries, message) => {
  expectRefused(entries, MALFORMED, message);
});

test.each<[string, readonly ChainEntry[], string]>([
  [
    "a checkpoint before it",
    [aRun(), aCheckpoint(25)],
    "entry 1 of the chain is a checkpoint: allowed here is a segment",
  ],
  ["a start after the last checkpoint", [aRun(), aSegment(5)], "one from step 0, the last checkpoint"],
  [
    "a start before the last checkpoint",
    [aRun(), aSegment(0), ...checkpoints(25, 50), aSegment(25)],
    "no step before 50",
  ],
  ["a segment before it that committed nothing", [aRun(), aSegment(0), aSegment(0, 11)], "committed nothing"],
  [
    "a change before it that is not committed",
    [aRun(), aSegment(0), aCheckpoint(25), aChange(30), aSegment(25)],
    "no step before 30",
  ],
])("[CHN5] a segment with %s is refused", (_what, entries, message) => {
  expectRefused(entries, MALFORMED, message);
});

test.each<[string, readonly ChainEntry[], string]>([
  ["twice", [aRun(), aSegment(0), ...checkpoints(25, 25)], "one after step 25"],
  ["backwards", [aRun(), aSegment(0), ...checkpoints(25, 20)], "no step before 25"],
  ["at step 0", [aRun(), aSegment(0), aCheckpoint(0)], "one after step 0"],
  ["after the last step", [aRun(), aSegment(0), aCheckpoint(101)], "a whole step from 0 to 100"],
  ["between two steps", [aRun(), aSegment(0), aCheckpoint(2.5)], "a whole step from 0 to 100"],
  ["before a change that came first", [aRun(), aSegment(0), aChange(20), aCheckpoint(10)], "no step before 20"],
])("[CHN6] a checkpoint %s is refused", (_what, entries, message) => {
  expectRefused(entries, MALFORMED, message);
});

test("[CHN7] more steps between two checkpoints than the run allows are a gap, at the start too", () => {
  expectRefused([aRun(), aSegment(0), aCheckpoint(26)], GAP, "entry 2 of the chain is at step 26");
  expectRefused([aRun(), aSegment(0), ...checkpoints(25, 75)], GAP, "at most 25 steps may lie between");
  expectRefused([aRun(), aSegment(0), aCheckpoint(25), aChange(51)], GAP, "at step 51");
});

test("[CHN8] a change stands after the checkpoint at its step", () => {
  expectRefused(
    [aRun(), aSegment(0), aChange(25), aCheckpoint(25)],
    MALFORMED,
    "entry 3 of the chain is a checkpoint at step 25 after a change at that step",
  );
});

test("[CHN9] a change stands in a chain once", () => {
  const again = aChange(30, { change_id: aChange(25).change_id });
  expectRefused([aRun(), aSegment(0), aCheckpoint(25), aChange(25), again], MALFORMED, "each change once");
});

test.each<[string, readonly ChainEntry[], string]>([
  ["another change", [aChange(30)], "a change after the job was stopped"],
  ["another stop", [aChange(30, { stop: true })], "a change after the job was stopped"],
  ["a later checkpoint", [aCheckpoint(50)], "nothing after step 30"],
  ["two checkpoints", [...checkpoints(30, 30)], "one after step 30"],
  ["a result without its checkpoint", [aResult(30)], "a result of the last checkpoint, at step 25"],
  ["a segment without its checkpoint", [aSegment(30)], "one from step 25"],
])("[CHN10] %s after a stop is refused", (_what, after, message) => {
  expectRefused([aRun(), aSegment(0), aCheckpoint(25), aStop(30), ...after], MALFORMED, message);
});

test.each<[string, readonly ChainEntry[], string]>([
  ["of another step", [...checkpoints(25, 50, 75, 100), aResult(99)], "no step before 100"],
  ["without a checkpoint", [aStop(0), aResult(0)], "a checkpoint before it"],
  ["after a change that is not committed", [aCheckpoint(25), aChange(30), aResult(30)], "at step 25"],
])("[CHN11] a result %s is refused", (_what, entries, message) => {
  expectRefused([aRun(), aSegment(0), ...entries], MALFORMED, message);
});

test.each<ChainEntry>([aRun(), aSegment(100), aCheckpoint(100), aChange(100), aResult(100)])(
  "[CHN11] nothing comes after the result, not even a $kind",
  (entry) => {
    const entries = [aRun(), aSegment(0), ...checkpoints(25, 50, 75, 100), aResult(100), entry];
    expectRefused(entries, MALFORMED, `entry 7 of the chain is a ${entry.kind} after the result`);
  },
);

test("[CHN12] a chain has a cap", () => {
  const run = aRun({ total_steps: MAX_CHAIN_ENTRIES, checkpoint_every_steps: 1 });
  const steps = Array.from({ length: MAX_CHAIN_ENTRIES - 2 }, (_, index) => aCheckpoint(index + 1));
  const longest = [run, aSegment(0), ...steps];
  expect(caught(() => checkChain(longest))).toBeUndefined();
  const longer = [...longest, aCheckpoint(MAX_CHAIN_ENTRIES - 1)];
  expectRefused(longer, RECEIPT_ERRORS.CHAIN_EXCEEDED.code, `${MAX_CHAIN_ENTRIES + 1} entries`);
});

test("what is committed is the last checkpoint's step", () => {
  expect(committedStep([aRun(), aSegment(0)])).toBe(0);
  expect(committedStep([aRun(), aSegment(0), ...checkpoints(25, 50), aSegment(50), aChange(60)])).toBe(50);
});
