/**
 * What the re-runs of one interval together say.
 *
 * One positive answer settles an ordinary job. A negative one settles nothing: another owner is asked, then the
 * majority decides, so that no single stranger can refuse another's work, and none has a say twice. An audited job needs
 * two positive answers. The first answers that decide do so for good: a later one changes nothing.
 * @see design section 4, "Verification"; SPEC VER5 to VER11.
 */
import { MAX_RERUNS } from "../limits.ts";
import type { RerunOutcome, Verdict } from "./verdict.ts";

/** One re-run, in the order of the reports. */
export interface JudgedRerun {
  /** Whose node it was: two answers of one owner count once, the first. */
  readonly owner: string;
  readonly outcome: RerunOutcome;
}

export interface JudgeOptions {
  /** Whether the job was picked for two checks instead of one. */
  readonly isAudited: boolean;
}

/** `isSlashable`: two re-runs on the same class, so bit for bit, said no. `another`: one more owner has to be asked. */
export type Judgement =
  | { readonly kind: "decided"; readonly verdict: Verdict; readonly isSlashable: boolean }
  | { readonly kind: "another" };

/** Answers of different owners that a refusal, an audit or a contested job needs. */
const QUORUM = 2;

/** Decides, or says that another owner has to re-run the interval: never after `MAX_RERUNS` owners answered. Pure. */
export function judge(reruns: readonly JudgedRerun[], { isAudited }: JudgeOptions): Judgement {
  const positive: RerunOutcome[] = [];
  const negative: RerunOutcome[] = [];
  for (const outcome of firstAnswers(reruns)) {
    (isPositive(outcome) ? positive : negative).push(outcome);
    if (negative.length === QUORUM) {
      const isSlashable = negative.every((answer) => answer === "disagrees");
      return { kind: "decided", verdict: "refused", isSlashable };
    }
    if (positive.length === (isAudited || negative.length > 0 ? QUORUM : 1)) {
      return { kind: "decided", verdict: weakest(positive), isSlashable: false };
    }
  }
  return { kind: "another" };
}

/**
 * The verdict when nobody else can re-run it: what was decided; else that of the positive answers when no other was
 * given; else `unverified`. One negative answer alone never refuses. Pure.
 */
export function judgeWithout(reruns: readonly JudgedRerun[]): Verdict {
  const judgement = judge(reruns, { isAudited: true });
  if (judgement.kind === "decided") return judgement.verdict;
  const outcomes = firstAnswers(reruns);
  return outcomes.length > 0 && outcomes.every(isPositive) ? weakest(outcomes) : "unverified";
}

/** The first answer of each owner, of at most `MAX_RERUNS` owners. */
function firstAnswers(reruns: readonly JudgedRerun[]): readonly RerunOutcome[] {
  const byOwner = new Map<string, RerunOutcome>();
  for (const { owner, outcome } of reruns) if (!byOwner.has(owner)) byOwner.set(owner, outcome);
  return [...byOwner.values()].slice(0, MAX_RERUNS);
}

function isPositive(outcome: RerunOutcome): boolean {
  return outcome === "agrees" || outcome === "plausible";
}

function weakest(positive: readonly RerunOutcome[]): Verdict {
  return positive.includes("plausible") ? "plausible" : "verified";
}
