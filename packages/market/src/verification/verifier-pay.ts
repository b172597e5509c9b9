import { amount, assert, type Amount } from "@cyxwiz/primitives";
import { amountDue, splitPlatform } from "../money/settlement.ts";

/** One re-run is paid at most one part in this many of the platform's part, so that three leave it a quarter. */
export const VERIFIER_DIVISOR = 4n;

export interface VerifierPayTerms {
  /** The quote of the whole job. */
  readonly quoted: Amount;
  readonly totalSteps: number;
  /** The steps that are paid if the re-runs agree: all of them for a finished job, fewer for one that ends early. */
  readonly committedSteps: number;
  /** The steps that are run again. */
  readonly intervalSteps: number;
}

/**
 * What one re-run is paid, out of the platform's part: what owners would get for these steps, but no more than a quarter
 * of what the platform gets for the committed ones.
 *
 * The cap follows the committed steps, not the whole quote: otherwise whoever cancels its own job after one checkpoint
 * and is drawn to check it under another account would be paid more than the job cost. Zero is possible. Pure.
 */
export function verifierPay({ quoted, totalSteps, committedSteps, intervalSteps }: VerifierPayTerms): Amount {
  for (const steps of [committedSteps, intervalSteps]) {
    assert(Number.isInteger(steps) && steps >= 0 && steps <= totalSteps, `${steps} of ${totalSteps} steps`);
  }
  const owners = splitPlatform(amountDue(quoted, intervalSteps, totalSteps)).owner;
  const cap = splitPlatform(amountDue(quoted, committedSteps, totalSteps)).platform / VERIFIER_DIVISOR;
  return owners < cap ? owners : amount(cap);
}
