import fc from "fast-check";
import { expect, test } from "vitest";
import { amount, formatAmount, MAX_AMOUNT, parseAmount, scaleAmount } from "./money.ts";

const anyAmount = fc.bigInt({ min: 0n, max: MAX_AMOUNT }).map(amount);

test("every amount survives being written and read back", () => {
  fc.assert(fc.property(anyAmount, (value) => parseAmount(formatAmount(value)) === value));
});

test("scaling by k/n and by the rest never makes more than the whole", () => {
  const part = fc.bigInt({ min: 0n, max: 1_000_000n });
  fc.assert(
    fc.property(anyAmount, part, part, (value, a, b) => {
      const total = a + b + 1n;
      return scaleAmount(value, a, total) + scaleAmount(value, b + 1n, total) <= value;
    }),
  );
});

test.each(["", "-1", "1e9", "1.0000000001", "01234567890123", "NaN", " 1", "1."])("refuses %j as an amount", (text) => {
  expect(() => parseAmount(text)).toThrow(/not an amount|out of range/);
});

test("an amount over 2^63 − 1 base units is refused with the allowed range", () => {
  expect(() => parseAmount("9999999999")).toThrow("allowed is 0 to 9223372036.854775807");
});
