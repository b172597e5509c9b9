import { expect, test } from "vitest";
import {
  chainNumbers,
  chainProduct,
  checkRound,
  factorAt,
  factorPlaces,
  MODULUS,
  operationsOf,
} from "./matrix-chain.ts";

test("[CAL1] the largest sum is a whole number that float32 holds", () => {
  const largest = 2_048 * (MODULUS - 1) ** 2;
  expect(largest).toBeLessThan(2 ** 21);
  expect(Math.fround(largest)).toBe(largest);
});

test("[CAL1] the chain is the product of its factors, the first step first", () => {
  const round = { size: 4, products: 2 };
  const [first = 0, second = 0] = factorPlaces(9n, round);
  const tape = chainNumbers(9n, 4, "tape");
  const multiply = (a: Uint8Array, b: Uint8Array): Uint8Array =>
    Uint8Array.from({ length: 16 }, (_, at) => {
      const row = Math.floor(at / 4);
      return [0, 1, 2, 3].reduce((sum, k) => sum + (a[row * 4 + k] ?? 0) * (b[k * 4 + (at % 4)] ?? 0), 0) % MODULUS;
    });
  const once = multiply(factorAt(tape, first, 4), chainNumbers(9n, 4, "first"));
  expect(chainProduct(9n, round)).toEqual(multiply(factorAt(tape, second, 4), once));
});

test("[CAL2] the numbers are those of the specified streams", () => {
  expect([...chainNumbers(1n, 4, "first")]).toEqual([8, 6, 8, 29, 16, 2, 12, 1, 3, 12, 23, 3, 11, 11, 25, 25]);
  expect([...chainNumbers(1n, 4, "tape")].slice(0, 8)).toEqual([4, 22, 12, 0, 17, 30, 27, 17]);
  expect([...factorPlaces(1n, { size: 4, products: 6 })]).toEqual([13, 7, 6, 2, 10, 11]);
  expect(chainNumbers(2n, 4, "first")).not.toEqual(chainNumbers(1n, 4, "first"));
});

test("[CAL2] a factor begins anywhere in the first half of the tape, and hardly a place comes twice", () => {
  const places = [...factorPlaces(3n, { size: 64, products: 1_000 })];
  expect(chainNumbers(3n, 64, "tape")).toHaveLength(2 * 64 ** 2);
  expect(places.every((place) => place >= 0 && place < 64 ** 2)).toBe(true);
  expect(new Set(places).size).toBeGreaterThan(850);
});

test("operations are two for each element of each row and column", () => {
  expect(operationsOf({ size: 10, products: 3 })).toBe(6_000);
});

test.each([
  [{ size: 3, products: 1 }, "size"],
  [{ size: 4_096, products: 1 }, "size"],
  [{ size: 4, products: 0 }, "products"],
  [{ size: 4, products: 1.5 }, "products"],
])("a round of %o is refused by its field", (round, field) => {
  expect(() => checkRound(round)).toThrow(
    expect.objectContaining({ code: "market/needs-out-of-range", context: expect.objectContaining({ field }) }),
  );
});
