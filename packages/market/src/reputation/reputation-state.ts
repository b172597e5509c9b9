/**
 * A node's reputation as a fold over its changes.
 *
 * The state grows by one id for each payer and canary that counted, because "has this payer raised this node before?" has
 * no shorter answer. That bounds it by the changes that were kept; a server need not hold it: it asks its table of changes
 * the same question and calls `counts` and `scoreAfter`, and this fold is what its table is checked against.
 */
import type { UserId } from "@cyxwiz/primitives";
import { REPUTATION_START } from "./reputation.ts";
import type { ReputationChange } from "./reputation-change.ts";
import { counts, dayOf, scoreAfter, type CountingFacts } from "./reputation-rules.ts";

export interface ReputationState {
  /** 0 to 10,000. */
  readonly score: number;
  /** Payers whose verified job, or whose job's re-run, counted. */
  readonly payers: ReadonlySet<UserId>;
  /** Canaries whose passing counted. */
  readonly canaries: ReadonlySet<string>;
  /** Re-runs that counted on the last day on which one did. */
  readonly reruns: { readonly day: number; readonly counted: number };
}

export const INITIAL_REPUTATION: ReputationState = {
  score: REPUTATION_START,
  payers: new Set(),
  canaries: new Set(),
  reruns: { day: 0, counted: 0 },
};

/** What a change did. */
export interface AppliedChange {
  readonly state: ReputationState;
  readonly before: number;
  readonly after: number;
  /** Whether the change counted, and so is worth keeping. */
  readonly isCounted: boolean;
}

interface Draft {
  score: number;
  readonly payers: Set<UserId>;
  readonly canaries: Set<string>;
  reruns: ReputationState["reruns"];
}

/** Applies one change. Cost: O(payers + canaries), for the new state. Pure. */
export function applyCause(state: ReputationState, change: ReputationChange): AppliedChange {
  const draft = draftOf(state);
  const isCounted = apply(draft, change);
  return { state: draft, before: state.score, after: draft.score, isCounted };
}

/** The state that changes lead to, oldest first. Cost: O(changes). Pure. */
export function rebuildReputation(changes: Iterable<ReputationChange>): ReputationState {
  const draft = draftOf(INITIAL_REPUTATION);
  for (const change of changes) apply(draft, change);
  return draft;
}

/** Successes that counted: what `isNewNode` asks. Each made one payer or one canary known. */
export function countedSuccesses({ payers, canaries }: ReputationState): number {
  return payers.size + canaries.size;
}

function draftOf({ score, payers, canaries, reruns }: ReputationState): Draft {
  return { score, payers: new Set(payers), canaries: new Set(canaries), reruns };
}

/** Changes the draft, if the change counts. */
function apply(draft: Draft, change: ReputationChange): boolean {
  if (!counts(change.cause, factsOf(draft, change))) return false;
  draft.score = scoreAfter(change.cause, draft.score);
  if (change.cause === "canary-passed") draft.canaries.add(change.evidence.canary_id);
  if (change.cause === "job-verified") draft.payers.add(change.evidence.payer_id);
  if (change.cause === "rerun-confirmed") {
    draft.payers.add(change.evidence.payer_id);
    draft.reruns = { day: dayOf(change.at), counted: rerunsOn(draft, change.at) + 1 };
  }
  return true;
}

function factsOf(draft: Draft, { at, evidence }: ReputationChange): CountingFacts {
  const rerunsToday = rerunsOn(draft, at);
  if ("canary_id" in evidence) {
    return { isOwnPayer: false, isKnown: draft.canaries.has(evidence.canary_id), rerunsToday };
  }
  return {
    isOwnPayer: evidence.payer_id === evidence.owner_id,
    isKnown: draft.payers.has(evidence.payer_id),
    rerunsToday,
  };
}

/** Re-runs that counted on the day of a moment. Changes come in the order of time, so only the last such day is known. */
function rerunsOn({ reruns }: Draft, at: number): number {
  return reruns.day === dayOf(at) ? reruns.counted : 0;
}
