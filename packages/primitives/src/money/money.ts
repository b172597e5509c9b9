/**
 * CYXWIZ amounts: whole base units, 10⁹ to the token, as branded `bigint`. No amount is ever a float inside.
 *
 * Strings in JSON are decimal tokens ("12.500000000" is written "12.5"); `toDisplayNumber` is only for the fields that
 * the documents show as numbers.
 */
import { AppError } from "../error/app-error.ts";
import { assert } from "../error/assert.ts";
import { PRIMITIVES_ERRORS } from "../errors.ts";
import type { Brand } from "../id/brand.ts";

/** Base units of CYXWIZ: never negative, at most 2⁶³ − 1 (one PostgreSQL bigint). */
export type Amount = Brand<bigint, "Amount">;

export const DECIMALS = 9;
export const UNITS_PER_TOKEN = 1_000_000_000n;
export const MAX_AMOUNT: Amount = (2n ** 63n - 1n) as Amount;
export const ZERO: Amount = 0n as Amount;

/** Brands base units. @throws AppError `primitives/amount-out-of-range` when negative or over 2⁶³ − 1. */
export function amount(baseUnits: bigint): Amount {
  if (baseUnits < 0n || baseUnits > MAX_AMOUNT) {
    throw new AppError(PRIMITIVES_ERRORS.AMOUNT_OUT_OF_RANGE, {
      value: formatUnits(baseUnits),
      allowed: `0 to ${formatUnits(MAX_AMOUNT)}`,
    });
  }
  return baseUnits as Amount;
}

/** "12.5" → base units. @throws AppError `primitives/amount-malformed`, `primitives/amount-out-of-range`. */
export function parseAmount(text: string): Amount {
  const match = /^(\d{1,10})(?:\.(\d{1,9}))?$/.exec(text);
  if (!match) throw new AppError(PRIMITIVES_ERRORS.AMOUNT_MALFORMED, { value: text.slice(0, 40) });
  const [, whole = "0", fraction = ""] = match;
  return amount(BigInt(whole) * UNITS_PER_TOKEN + BigInt(fraction.padEnd(DECIMALS, "0")));
}

/** A number from an older client, in tokens; cut to base units. @throws AppError `primitives/amount-malformed`. */
export function amountFromNumber(tokens: number): Amount {
  const units = Math.floor(tokens * 1e9);
  if (!Number.isFinite(units) || units < 0) {
    throw new AppError(PRIMITIVES_ERRORS.AMOUNT_MALFORMED, { value: String(tokens) });
  }
  return amount(BigInt(units));
}

/** Base units → "12.5": no exponent, no trailing zeros. */
export function formatAmount(value: Amount): string {
  return formatUnits(value);
}

/** As `formatAmount`, for signed sums such as postings. */
export function formatUnits(baseUnits: bigint): string {
  const sign = baseUnits < 0n ? "-" : "";
  const magnitude = baseUnits < 0n ? -baseUnits : baseUnits;
  const fraction = (magnitude % UNITS_PER_TOKEN).toString().padStart(DECIMALS, "0").replace(/0+$/, "");
  return `${sign}${magnitude / UNITS_PER_TOKEN}${fraction && `.${fraction}`}`;
}

/** For the documents' number fields only; loses precision over 2⁵³ base units. */
export function toDisplayNumber(value: Amount): number {
  return Number(value) / 1e9;
}

export function addAmounts(...values: readonly Amount[]): Amount {
  return amount(values.reduce<bigint>((sum, value) => sum + value, 0n));
}

/** a − b, which the caller knows to be at least zero. */
export function subtractAmounts(a: Amount, b: Amount): Amount {
  assert(a >= b, `${formatUnits(a)} − ${formatUnits(b)} is below zero`);
  return amount(a - b);
}

/** ⌊value · numerator ÷ denominator⌋ without intermediate rounding. */
export function scaleAmount(value: Amount, numerator: bigint, denominator: bigint): Amount {
  assert(numerator >= 0n && denominator > 0n, `cannot scale by ${numerator}/${denominator}`);
  return amount((value * numerator) / denominator);
}
