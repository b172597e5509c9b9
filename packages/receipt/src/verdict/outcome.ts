/**
 * One re-run against what was claimed.
 *
 * On the same class (lowering, build, hardware class and number of threads equal) a re-run gives the same bits, so hashes
 * are compared and one that differs is a disagreement. Across classes the bits of a state differ honestly: then the
 * distance between the two ends counts, and it is never more than plausible. The model is made of the claimed last
 * checkpoint without computing anything, so its hashes count everywhere. Never a loss is compared here.
 * @see design section 4, "Verification"; SPEC VER1 to VER4.
 */
import { PLAUSIBLE_DISTANCE } from "../limits.ts";
import type { RerunOutcome } from "./verdict.ts";

/** How a job ended by its own fault: the code of the error, and the step that failed. */
export interface ClaimedFailure {
  readonly code: string;
  readonly step: number;
}

/** What the one who trained committed to, for the drawn interval. Hashes as in the chain. */
export interface RerunClaim {
  /** null: the first steps were computed under another build, whose file of the initial state differs. */
  readonly initial_sha256: string | null;
  /** null: the interval ends in a failure and has no end. */
  readonly end_sha256: string | null;
  /** null: no model is claimed, or it is not asked for. */
  readonly onnx_sha256: string | null;
  readonly weights_sha256: string | null;
  readonly failure: ClaimedFailure | null;
}

/** What a re-run reported. Empty or null: it has none. */
export interface RerunAnswer {
  readonly initial_sha256: string | null;
  readonly end_sha256: string | null;
  readonly onnx_sha256: string | null;
  readonly weights_sha256: string | null;
  readonly failure: ClaimedFailure | null;
}

export const MISMATCHES = ["initial", "end", "onnx", "weights", "failure"] as const;
export type Mismatch = (typeof MISMATCHES)[number];

/** How the two are compared: bit for bit, or by the distance ‖answer − claim‖ ÷ ‖claim − start‖ of their ends. */
export type Comparison = { readonly mode: "exact" } | { readonly mode: "distance"; readonly distance: number | null };

/** What differs, in the order of `MISMATCHES`. What is not claimed (null) is not compared, a failure always is. Pure. */
export function mismatches(claim: RerunClaim, answer: RerunAnswer): readonly Mismatch[] {
  const differs: Readonly<Record<Mismatch, boolean>> = {
    initial: claim.initial_sha256 !== null && claim.initial_sha256 !== answer.initial_sha256,
    end: claim.end_sha256 !== null && claim.end_sha256 !== answer.end_sha256,
    onnx: claim.onnx_sha256 !== null && claim.onnx_sha256 !== answer.onnx_sha256,
    weights: claim.weights_sha256 !== null && claim.weights_sha256 !== answer.weights_sha256,
    failure: claim.failure?.code !== answer.failure?.code || claim.failure?.step !== answer.failure?.step,
  };
  return MISMATCHES.filter((name) => differs[name]);
}

/**
 * The outcome of one re-run: `agrees` or `disagrees` in exact mode; `plausible` or `implausible` by distance, where a
 * claimed failure needs one with the same code, and any other the claimed model, made again of the claimed checkpoint,
 * and a distance from 0 to `PLAUSIBLE_DISTANCE`. Pure.
 */
export function outcomeOf(claim: RerunClaim, answer: RerunAnswer, comparison: Comparison): RerunOutcome {
  const differing = mismatches(claim, answer);
  if (comparison.mode === "exact") return differing.length === 0 ? "agrees" : "disagrees";
  if (claim.failure !== null || answer.failure !== null) {
    return claim.failure?.code === answer.failure?.code ? "plausible" : "implausible";
  }
  if (differing.includes("onnx") || differing.includes("weights")) return "implausible";
  const { distance } = comparison;
  return distance !== null && distance >= 0 && distance <= PLAUSIBLE_DISTANCE ? "plausible" : "implausible";
}
