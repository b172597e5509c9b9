/**
 * Reputation: one integer, 0 to 10,000, so that every reader sees the same value. The fractions and per cents of the
 * wire and of REST exist only at their edges.
 */
import { AppError } from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";

export const REPUTATION_MAX = 10_000;
/** What a new node starts with: 75 of 100. */
export const REPUTATION_START = 7_500;

/** For NodeInfo: 0..1. */
export function reputationToUnit(reputation: number): number {
  return checked(reputation) / REPUTATION_MAX;
}

/** For REST and `new_reputation`: 0..100. */
export function reputationToPercent(reputation: number): number {
  return checked(reputation) / 100;
}

/** From 0..1, to the nearest step. @throws AppError `market/reputation-out-of-range`. */
export function reputationFromUnit(value: number): number {
  return fromScale(value, 1);
}

/** From 0..100, to the nearest step. @throws AppError `market/reputation-out-of-range`. */
export function reputationFromPercent(value: number): number {
  return fromScale(value, 100);
}

function fromScale(value: number, top: number): number {
  if (!(value >= 0 && value <= top)) {
    throw new AppError(MARKET_ERRORS.REPUTATION_OUT_OF_RANGE, { value, allowed: `0 to ${top}` });
  }
  return Math.round((value / top) * REPUTATION_MAX);
}

function checked(reputation: number): number {
  if (Number.isInteger(reputation) && reputation >= 0 && reputation <= REPUTATION_MAX) return reputation;
  throw new AppError(MARKET_ERRORS.REPUTATION_OUT_OF_RANGE, {
    value: reputation,
    allowed: `a whole number, 0 to ${REPUTATION_MAX}`,
  });
}
