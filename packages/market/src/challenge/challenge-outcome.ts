/** How a challenge ended, and what that does to the unit. */
import type { UnitEvent } from "../state/unit-state.ts";
import { MISSES_ALLOWED } from "./limits.ts";

export type ChallengeOutcome =
  /** Every product was right. */
  | "passed"
  /** A product was wrong. */
  | "failed"
  /** An answer came after its time. */
  | "late"
  /** No answer came, though the node was there. */
  | "silent"
  /** The node could not compute it, and said why. */
  | "unable"
  /** The unit had work. Never held against it. */
  | "busy"
  /** The node or the server went away. Never held against the unit. */
  | "called-off";

/** An answer as it came. */
export interface ChallengeAnswer {
  readonly isBusy: boolean;
  /** Why the node could not; "" when it could. */
  readonly code: string;
  /** What `checkProduct` said; undefined while it is not checked. */
  readonly isRight: boolean | undefined;
  /** By the server's clock, from hand-out to answer. */
  readonly seconds: number;
  readonly secondsAllowed: number;
}

/** Judges an answer: undefined while it is in time and waits for its check. Pure. */
export function judgeChallenge(answer: ChallengeAnswer): ChallengeOutcome | undefined {
  if (answer.isBusy) return "busy";
  if (answer.seconds > answer.secondsAllowed) return "late";
  if (answer.code !== "") return "unable";
  if (answer.isRight === undefined) return undefined;
  return answer.isRight ? "passed" : "failed";
}

/** Judges an answer that never came. */
export function judgeSilence({ isNodeHere }: { readonly isNodeHere: boolean }): ChallengeOutcome {
  return isNodeHere ? "silent" : "called-off";
}

/** Whether an outcome says anything about the unit. */
export function outcomeCounts(outcome: ChallengeOutcome): boolean {
  return outcome !== "busy" && outcome !== "called-off";
}

/**
 * The event that a unit's last outcomes raise, newest first: a right answer heals, a wrong one breaks, and so do
 * `MISSES_ALLOWED` misses in a row. Outcomes that do not count are passed over.
 */
export function unitEventAfter(outcomes: readonly ChallengeOutcome[]): UnitEvent | undefined {
  const counted = outcomes.filter(outcomeCounts);
  if (counted[0] === "passed") return "self-test-passed";
  if (counted[0] === "failed") return "self-test-failed";
  const misses = counted.findIndex((outcome) => outcome === "passed" || outcome === "failed");
  return (misses < 0 ? counted.length : misses) >= MISSES_ALLOWED ? "self-test-failed" : undefined;
}
