/**
 * What the re-runs of one interval together say.
 *
 * Accounts and names of hardware are free, so answers of owners who are not trusted decide nothing alone: neither can a
 * ring of new accounts pay itself, nor refuse another's work. One trusted positive answer settles an ordinary job. A
 * negative one settles nothing: other owners are asked until two say the same, one of them trusted, so that no single
 * stranger refuses another's work, and none has a say twice. An audited job needs two positive answers. The first answers
 * that decide do so for good: a later one changes nothing.
 * @see design section 4, "Verification"; SPEC VER5 to VER11.
 */
import { MAX_RERUNS } from "../limits.ts";
import type { RerunOutcome, Verdict } from "./verdict.ts";

/** One re-run, in the order of the reports. */
export interface JudgedRerun {
  /** Whose node it was: two answers of one owner count once, the first. */
  readonly owner: string;
  /** Whether the platform owns the node, or enough distinct payers have been served by it. The caller says which. */
  readonly isTrusted: boolean;
  readonly outcome: RerunOutcome;
}

export interface JudgeOptions {
  /** Whether the job was picked for two checks instead of one. */
  readonly isAudited: boolean;
}

/**
 * `isSlashable`: the re-runs that refuse were all on the same class, so bit for bit. `another`: one more owner has to be
 * asked, unless `MAX_RERUNS` have answered; then, or when there is nobody, `judgeWithout` says what it comes to.
 */
export type Judgement =
  | { readonly kind: "decided"; readonly verdict: Verdict; readonly isSlashable: boolean }
  | { readonly kind: "another" };

/** Answers of different owners that a refusal, an audit or a contested job needs. */
const QUORUM = 2;

/** Decides, or says that another owner has to re-run it. What owners after the `MAX_RERUNS`th say is not heard. Pure. */
export function judge(reruns: readonly JudgedRerun[], { isAudited }: JudgeOptions): Judgement {
  const positive: JudgedRerun[] = [];
  const negative: JudgedRerun[] = [];
  for (const answer of firstAnswers(reruns)) {
    (isPositive(answer) ? positive : negative).push(answer);
    if (negative.length >= QUORUM && negative.some(isTrusted)) {
      const isSlashable = negative.every(({ outcome }) => outcome === "disagrees");
      return { kind: "decided", verdict: "refused", isSlashable };
    }
    if (positive.length >= (isAudited || negative.length > 0 ? QUORUM : 1) && positive.some(isTrusted)) {
      return { kind: "decided", verdict: weakest(positive), isSlashable: false };
    }
  }
  return { kind: "another" };
}

/**
 * The verdict when nobody else can re-run it: what was decided. Else, where the trusted answers, and if they are as many
 * on both sides all of them, are negative more often than positive, `contested`: the work is neither paid nor refused, and
 * has to be done again elsewhere. Else, where all are positive, their verdict if one is trusted, and `plausible` if several
 * are not. Anything else is `unverified`. Pure.
 */
export function judgeWithout(reruns: readonly JudgedRerun[]): Verdict | "contested" {
  const judgement = judge(reruns, { isAudited: true });
  if (judgement.kind === "decided") return judgement.verdict;
  const answers = firstAnswers(reruns);
  const positive = answers.filter(isPositive);
  if ((majority(answers.filter(isTrusted)) || majority(answers)) < 0) return "contested";
  if (positive.length < answers.length) return "unverified";
  if (positive.some(isTrusted)) return weakest(positive);
  return positive.length >= QUORUM ? "plausible" : "unverified";
}

/** The first answer of each owner, of at most `MAX_RERUNS` owners. */
function firstAnswers(reruns: readonly JudgedRerun[]): readonly JudgedRerun[] {
  const byOwner = new Map<string, JudgedRerun>();
  for (const rerun of reruns) if (!byOwner.has(rerun.owner)) byOwner.set(rerun.owner, rerun);
  return [...byOwner.values()].slice(0, MAX_RERUNS);
}

/** Whether the re-run found what was claimed. */
export function isPositive({ outcome }: Pick<JudgedRerun, "outcome">): boolean {
  return outcome === "agrees" || outcome === "plausible";
}

/** By how many answers more it is right than wrong. */
function majority(answers: readonly JudgedRerun[]): number {
  return 2 * answers.filter(isPositive).length - answers.length;
}

function isTrusted(rerun: JudgedRerun): boolean {
  return rerun.isTrusted;
}

function weakest(positive: readonly JudgedRerun[]): Verdict {
  return positive.some(({ outcome }) => outcome === "plausible") ? "plausible" : "verified";
}
