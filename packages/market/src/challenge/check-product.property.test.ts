import fc from "fast-check";
import { expect, test } from "vitest";
import { checkProduct } from "./check-product.ts";
import { chainProduct, type ChallengeRound, MODULUS } from "./matrix-chain.ts";

/** Bytes of a small generator: the check's chance of error is then part of the seed that a failure prints. */
function bytesFrom(seed: number): (count: number) => Uint8Array {
  let state = seed >>> 0;
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
      return state >>> 24;
    });
}

function check(seed: bigint, round: ChallengeRound, product: Uint8Array, random = 1): boolean {
  const steps = checkProduct({ seed, round, product, randomBytes: bytesFrom(random) });
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const anyRound = fc.record({
  size: fc.integer({ min: 1, max: 12 }).map((half) => 2 * half),
  products: fc.integer({ min: 1, max: 9 }),
});
const anySeed = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test("[CAL3] the right product is accepted, whatever the vectors", () => {
  fc.assert(
    fc.property(anySeed, anyRound, fc.nat(), (seed, round, random) => {
      expect(check(seed, round, chainProduct(seed, round), random)).toBe(true);
    }),
  );
});

test("[CAL3] a product with any one element changed is refused", () => {
  fc.assert(
    fc.property(
      anySeed,
      anyRound,
      fc.nat(),
      fc.integer({ min: 1, max: MODULUS - 1 }),
      fc.nat(),
      (seed, round, place, change, random) => {
        const product = chainProduct(seed, round);
        const at = place % product.length;
        product[at] = ((product[at] ?? 0) + change) % MODULUS;
        expect(check(seed, round, product, random)).toBe(false);
      },
    ),
  );
});

test("[CAL3] the product of another seed, or of fewer steps, is refused", () => {
  const round = { size: 8, products: 6 };
  expect(check(7n, round, chainProduct(8n, round))).toBe(false);
  expect(check(7n, round, chainProduct(7n, { ...round, products: 5 }))).toBe(false);
});

test("[CAL3] an answer of another size, or with what is no residue, is refused", () => {
  const round = { size: 4, products: 2 };
  const product = chainProduct(7n, round);
  expect(check(7n, round, product.subarray(1))).toBe(false);
  // Congruent to the right element, and yet not it.
  expect(check(7n, round, product.with(3, (product[3] ?? 0) + MODULUS))).toBe(false);
});

test("[CAL3] a check pauses often, however large the round", () => {
  const round = { size: 1_024, products: 1 };
  const steps = checkProduct({ seed: 1n, round, product: new Uint8Array(1_024 ** 2), randomBytes: bytesFrom(1) });
  let pauses = 0;
  let step = steps.next();
  for (; !step.done; step = steps.next()) pauses++;
  expect(step.value).toBe(false);
  expect(pauses).toBeGreaterThanOrEqual(10);
});
