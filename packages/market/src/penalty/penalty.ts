/**
 * What a node's misconduct costs it, as a rule over its history.
 *
 * A penalty is a part of the node's stake in per cent; how much that is, and whether it is taken or only recorded (shadow
 * mode), is the caller's. So is telling that a result was refused beyond doubt: only two re-runs that disagree bit for bit
 * make one slashable, and one that is not costs no stake and fills no window.
 * @see design §9, "Penalties".
 */
import type { AssignmentId, JobId } from "@cyxwiz/primitives";

export const PENALTY_CAUSES = [
  /** An assignment was silent for longer than its job's `timeout_seconds`, without a checkpoint. */
  "timed-out",
  /** Two re-runs by different owners disagreed with a committed result, bit for bit. */
  "result-refused",
] as const;
export type PenaltyCause = (typeof PENALTY_CAUSES)[number];

/** One misconduct of a node, as it is stored. Its assignment names it: one assignment times out, or is refused, once. */
export interface PenaltyEvent {
  readonly cause: PenaltyCause;
  /** Unix time in milliseconds. */
  readonly at: number;
  readonly job_id: JobId;
  readonly assignment_id: AssignmentId;
}

export interface Penalty {
  readonly cause: PenaltyCause;
  /** Of the stake that the node has now. */
  readonly percent: number;
  /** Whether the node gets no work any more, for good. */
  readonly isBan: boolean;
  /** What it follows from, oldest first: the one event, or those that together are too many. */
  readonly evidence: readonly PenaltyEvent[];
}

const DAY_MS = 86_400_000;

interface PenaltyRule {
  readonly percent: number;
  /** This many within the window are a ban, and cost the whole stake. */
  readonly banAt: number;
  /** Milliseconds before an event; another that is just as old counts no more. */
  readonly windowMs: number;
}

const RULES: { readonly [Cause in PenaltyCause]: PenaltyRule } = {
  "timed-out": { percent: 10, banAt: 5, windowMs: 7 * DAY_MS },
  "result-refused": { percent: 25, banAt: 3, windowMs: 30 * DAY_MS },
};

/**
 * The penalty that an event brings, asked when it happens.
 *
 * `history` is what the node did before, in any order and as far back as 30 days at least; the event itself may be in it,
 * and what is later than the event does not count. A ban stands instead of the smaller penalty, not beside it. Pure.
 */
export function penaltyFor(event: PenaltyEvent, history: readonly PenaltyEvent[]): Penalty {
  const { percent, banAt, windowMs } = RULES[event.cause];
  const earlier = history.filter(
    ({ cause, at, assignment_id }) =>
      cause === event.cause && at <= event.at && at > event.at - windowMs && assignment_id !== event.assignment_id,
  );
  const { cause } = event;
  if (earlier.length + 1 < banAt) return { cause, percent, isBan: false, evidence: [event] };
  return { cause, percent: 100, isBan: true, evidence: [...earlier.toSorted((a, b) => a.at - b.at), event] };
}
