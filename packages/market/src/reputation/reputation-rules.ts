/**
 * Which changes count, and what they do to the score.
 *
 * A success closes a part of the distance to the top, a failure takes a part of what is there, so neither end is ever
 * passed. Reputation must not be for sale: a payer raises a node once, whether the node trained for it or checked its
 * job, and an owner never raises its own, so many jobs between two accounts are worth one. Failures always count.
 *
 * Pure functions of a few facts, so that a server can ask its tables for just these; `reputation-state` keeps the same
 * facts in memory.
 */
import { REPUTATION_MAX } from "./reputation.ts";
import type { ReputationCause } from "./reputation-change.ts";

/** Confirmed re-runs that count in one UTC day. They are short; what takes a day of work must not be had by the minute. */
export const MAX_RERUNS_COUNTED_PER_DAY = 4;

/** A node with fewer successes that counted than this is new. */
export const NEW_NODE_JOBS = 5;

const DAY_MS = 86_400_000;

/** What decides whether a success counts. */
export interface CountingFacts {
  /** The job was paid by the node's own owner. */
  readonly isOwnPayer: boolean;
  /** The job's payer raised this node before, by a verified job or a confirmed re-run; for a canary: it did itself. */
  readonly isKnown: boolean;
  /** Re-runs of this node that counted on the day of this one (`dayOf`), before it. */
  readonly rerunsToday: number;
}

/** Whether a change counts. One that does not leaves the score as it is, makes nobody known, and is not kept. Pure. */
export function counts(cause: ReputationCause, { isOwnPayer, isKnown, rerunsToday }: CountingFacts): boolean {
  switch (cause) {
    case "job-verified":
    case "canary-passed":
      return !isOwnPayer && !isKnown;
    case "rerun-confirmed":
      return !isOwnPayer && !isKnown && rerunsToday < MAX_RERUNS_COUNTED_PER_DAY;
    case "job-unverified":
      return false;
    case "attempt-failed":
    case "attempt-lost":
    case "timed-out":
    case "result-refused":
    case "rerun-outvoted":
    case "canary-failed":
      return true;
  }
}

/** The score after a change that counts. Parts are rounded up, so that every change moves a score that can move. Pure. */
export function scoreAfter(cause: ReputationCause, score: number): number {
  switch (cause) {
    case "job-verified":
    case "canary-passed":
      return score + part(REPUTATION_MAX - score, 50);
    case "rerun-confirmed":
      return score + part(REPUTATION_MAX - score, 200);
    case "job-unverified":
      return score;
    case "attempt-failed":
    case "attempt-lost":
    case "timed-out":
      return score - part(score, 20);
    case "rerun-outvoted":
      return score - part(score, 10);
    case "result-refused":
    case "canary-failed":
      return score - part(score, 2);
  }
}

/** Whether a node is new: so few successes counted that its score still says little. Pure. */
export function isNewNode(countedSuccesses: number): boolean {
  return countedSuccesses < NEW_NODE_JOBS;
}

/** The UTC day of a moment, in days since 1970. Units: at in Unix milliseconds. */
export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}

function part(whole: number, divisor: number): number {
  return Math.ceil(whole / divisor);
}
