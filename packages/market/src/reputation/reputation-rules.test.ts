import { expect, test } from "vitest";
import { REPUTATION_MAX } from "./reputation.ts";
import { REPUTATION_CAUSES, type ReputationCause } from "./reputation-change.ts";
import { counts, dayOf, isNewNode, MAX_RERUNS_COUNTED_PER_DAY, scoreAfter } from "./reputation-rules.ts";

const stranger = { isOwnPayer: false, isKnown: false, rerunsToday: 0 };

const countingWith = (differences: Partial<typeof stranger>): readonly ReputationCause[] =>
  REPUTATION_CAUSES.filter((cause) => counts(cause, { ...stranger, ...differences }));

const FAILURES: readonly ReputationCause[] = [
  "attempt-failed",
  "attempt-lost",
  "timed-out",
  "result-refused",
  "rerun-outvoted",
  "canary-failed",
];

test.each<[ReputationCause, number]>([
  ["job-verified", 7_550],
  ["canary-passed", 7_550],
  ["rerun-confirmed", 7_513],
  ["job-unverified", 7_500],
  ["attempt-failed", 7_125],
  ["attempt-lost", 7_125],
  ["timed-out", 7_125],
  ["rerun-outvoted", 6_750],
  ["result-refused", 3_750],
  ["canary-failed", 3_750],
])("[REP3] %s takes a new node's score to %d", (cause, score) => {
  expect(scoreAfter(cause, 7_500)).toBe(score);
});

test("[REP4] no change takes a score out of its range, and every one moves a score that it can move", () => {
  for (const cause of REPUTATION_CAUSES.filter((each) => each !== "job-unverified")) {
    const isRise = !FAILURES.includes(cause);
    const end = isRise ? REPUTATION_MAX : 0;
    expect(scoreAfter(cause, end)).toBe(end);
    expect(scoreAfter(cause, isRise ? REPUTATION_MAX - 1 : 1)).toBe(end);
  }
});

test("[REP5] a payer who raised the node before, or owns it, raises it no more, but failures count", () => {
  expect(countingWith({ isOwnPayer: true })).toEqual(countingWith({ isKnown: true }));
  expect(countingWith({ isKnown: true }).toSorted()).toEqual(FAILURES.toSorted());
});

test("[REP5] an unverified job never counts", () => {
  expect(REPUTATION_CAUSES.filter((cause) => !countingWith({}).includes(cause))).toEqual(["job-unverified"]);
});

test("[REP6] only so many re-runs count in a day, and the limit is theirs alone", () => {
  expect(counts("rerun-confirmed", { ...stranger, rerunsToday: MAX_RERUNS_COUNTED_PER_DAY - 1 })).toBe(true);
  expect(counts("rerun-confirmed", { ...stranger, rerunsToday: MAX_RERUNS_COUNTED_PER_DAY })).toBe(false);
  expect(counts("job-verified", { ...stranger, rerunsToday: MAX_RERUNS_COUNTED_PER_DAY })).toBe(true);
});

test("[REP6] a day ends at midnight UTC", () => {
  const midnight = Date.parse("2026-03-02T00:00:00Z");
  expect(dayOf(midnight)).toBe(dayOf(midnight - 1) + 1);
});

test("[REP8] a node is new until five successes counted", () => {
  expect([0, 4, 5, 6].map(isNewNode)).toEqual([true, true, false, false]);
});
