/**
 * What a job's money becomes when the job ends: what is due, who gets it, what goes back.
 *
 * Due = ⌊quote × committed steps ÷ total steps⌋; the platform takes ⌊due ÷ 10⌋ and the owners the rest. Owners share by
 * the order of their steps: a range is paid what would have been due to owners had the job ended with it, less what
 * was due before it. Shares so add up without a remainder to hand out, and work that comes later never changes what
 * earlier work is worth.
 * @see design "What is due"; SPEC PAY1 to PAY10.
 */
import {
  amount,
  AppError,
  assert,
  scaleAmount,
  subtractAmounts,
  ZERO,
  type Amount,
  type UnitId,
  type UserId,
} from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";

/** The platform takes one part in this many. */
export const PLATFORM_DIVISOR = 10n;

/** Steps `from` to `to − 1` of a job, committed by one owner's unit. */
export interface CommittedRange {
  readonly owner: UserId;
  readonly unit: UnitId;
  readonly from: number;
  readonly to: number;
}

/** How a job ended, as far as money goes. */
export const OUTCOMES = ["completed", "cancelled", "failed-by-job", "failed-by-node", "failed-by-server"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The operator's rule for a cancel by the user: pay the committed steps, or give everything back. */
export const CANCEL_REFUNDS = ["uncommitted", "full"] as const;
export type CancelRefund = (typeof CANCEL_REFUNDS)[number];

export interface SettlementTerms {
  readonly outcome: Outcome;
  readonly quoted: Amount;
  readonly totalSteps: number;
  /** In any order; never overlapping. */
  readonly committed: readonly CommittedRange[];
  readonly cancelRefund: CancelRefund;
}

/** One owner's share for one unit. */
export interface OwnerShare {
  readonly owner: UserId;
  readonly unit: UnitId;
  readonly amount: Amount;
}

/** The whole quote, divided: the shares, the platform's part and the refund add up to it exactly. */
export interface Settlement {
  readonly owners: readonly OwnerShare[];
  readonly platform: Amount;
  readonly refunded: Amount;
}

/** An amount after the platform's part was taken. */
export interface PlatformSplit {
  readonly owner: Amount;
  readonly platform: Amount;
}

/** ⌊quoted × committed ÷ total⌋. Units: steps. */
export function amountDue(quoted: Amount, committedSteps: number, totalSteps: number): Amount {
  return scaleAmount(quoted, BigInt(committedSteps), BigInt(totalSteps));
}

/** 10 % for the platform, rounded down; the remainder is the owner's: 100,001 → 90,001 + 10,000. */
export function splitPlatform(due: Amount): PlatformSplit {
  const platform = amount(due / PLATFORM_DIVISOR);
  return { owner: subtractAmounts(due, platform), platform };
}

/**
 * Divides a job's quote.
 *
 * Completed, cancelled and failed by its own fault: committed steps are due. Failed by node or server, and a cancel
 * under `full`: everything goes back. Nothing committed is nothing due.
 * @throws AppError `market/step-range-out-of-range`, `market/step-range-overlap`.
 */
export function settlementOf(terms: SettlementTerms): Settlement {
  const { quoted, totalSteps } = terms;
  assert(Number.isInteger(totalSteps) && totalSteps > 0, `a job has ${totalSteps} steps`);
  const ranges = checkedRanges(terms.committed, totalSteps);
  if (!isCommittedWorkPaid(terms)) return { owners: [], platform: ZERO, refunded: quoted };

  const shares = new Map<string, OwnerShare>();
  let steps = 0;
  let paid = ZERO;
  for (const { owner, unit, from, to } of ranges) {
    steps += to - from;
    const reached = splitPlatform(amountDue(quoted, steps, totalSteps)).owner;
    const key = `${owner} ${unit}`;
    const before = shares.get(key)?.amount ?? ZERO;
    shares.set(key, { owner, unit, amount: amount(before + subtractAmounts(reached, paid)) });
    paid = reached;
  }
  const due = amountDue(quoted, steps, totalSteps);
  return {
    owners: [...shares.values()],
    platform: splitPlatform(due).platform,
    refunded: subtractAmounts(quoted, due),
  };
}

/** The shares of a settlement summed per owner, as a rail pays them: in the order of first appearance, zeros left out. */
export function sharesByOwner(settlement: Settlement): readonly { readonly owner: UserId; readonly amount: Amount }[] {
  const sums = new Map<UserId, Amount>();
  for (const share of settlement.owners) sums.set(share.owner, amount((sums.get(share.owner) ?? 0n) + share.amount));
  return [...sums].filter(([, sum]) => sum > 0n).map(([owner, sum]) => ({ owner, amount: sum }));
}

function isCommittedWorkPaid({ outcome, cancelRefund }: SettlementTerms): boolean {
  switch (outcome) {
    case "completed":
    case "failed-by-job":
      return true;
    case "cancelled":
      return cancelRefund === "uncommitted";
    case "failed-by-node":
    case "failed-by-server":
      return false;
  }
}

/** The ranges in step order, each inside the job, none overlapping the one before. */
function checkedRanges(committed: readonly CommittedRange[], totalSteps: number): readonly CommittedRange[] {
  const ranges = committed.toSorted((a, b) => a.from - b.from);
  let previousTo = 0;
  for (const { from, to } of ranges) {
    const isInside = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to <= totalSteps;
    if (!isInside) throw new AppError(MARKET_ERRORS.STEP_RANGE_OUT_OF_RANGE, { from, to, totalSteps });
    if (from < previousTo) throw new AppError(MARKET_ERRORS.STEP_RANGE_OVERLAP, { from, to, previousTo });
    previousTo = to;
  }
  return ranges;
}
