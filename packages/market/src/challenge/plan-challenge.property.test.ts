import fc from "fast-check";
import { expect, test } from "vitest";
import { CHECKED_ELEMENTS, MAX_CHAIN_SIZE, MEMORY_SHARE } from "./limits.ts";
import { checkRound, operationsOf } from "./matrix-chain.ts";
import { type ChallengeClaim, planChallenge } from "./plan-challenge.ts";

const MIB = 1024 ** 2;

function aClaim(change: Partial<ChallengeClaim> = {}): ChallengeClaim {
  return { trainFlopsPerSecond: 30e9, memoryBytes: 2 ** 30, ...change };
}

test("[CAL4] a plan is sized to the speed that is expected", () => {
  expect(planChallenge(aClaim()).rounds).toEqual([
    { size: 256, products: 224 },
    { size: 512, products: 56 },
    { size: 1_024, products: 14 },
  ]);
  expect(planChallenge(aClaim({ trainFlopsPerSecond: 1e9 })).rounds.map((round) => round.size)).toEqual([64, 128, 256]);
  const shown = planChallenge(aClaim({ trainFlopsPerSecond: 1e9 }), { measuredFlopsPerSecond: 30e9 });
  expect(shown).toEqual(planChallenge(aClaim()));
});

test("[CAL4] no claim makes a plan cost more than its budgets", () => {
  const speed = fc.oneof(fc.constantFrom(Number.NaN, Infinity, -1, 0, 1e300), fc.double({ min: 1e6, max: 1e15 }));
  fc.assert(
    fc.property(speed, fc.integer({ min: MIB, max: 2 ** 40 }), (trainFlopsPerSecond, memoryBytes) => {
      const { warmUp, rounds } = planChallenge(aClaim({ trainFlopsPerSecond, memoryBytes }));
      expect(operationsOf(warmUp)).toBeLessThan(1e6);
      expect(rounds).toHaveLength(3);
      for (const round of rounds) {
        checkRound(round);
        expect(round.size).toBeLessThanOrEqual(MAX_CHAIN_SIZE);
        const elements = round.size ** 2;
        expect(elements * round.products).toBeLessThanOrEqual(CHECKED_ELEMENTS);
        // The smallest memory that any node shares holds the smallest curve.
        if (round.size > 256) expect(16 * elements).toBeLessThanOrEqual(memoryBytes * MEMORY_SHARE);
      }
    }),
  );
});

test("[CAL4] at the expected speed a plan takes at most two seconds", () => {
  fc.assert(
    fc.property(fc.double({ min: 2e8, max: 1e15, noNaN: true }), (trainFlopsPerSecond) => {
      const { rounds } = planChallenge(aClaim({ trainFlopsPerSecond }));
      const operations = rounds.reduce((sum, round) => sum + operationsOf(round), 0);
      expect(operations / trainFlopsPerSecond).toBeLessThan(2);
    }),
  );
});

test("[CAL4] a server that has less time for checks asks for less", () => {
  const { rounds } = planChallenge(aClaim(), { checkedElements: 256 * 1024 });
  expect(rounds.map((round) => round.size)).toEqual([64, 128, 256]);
  for (const round of rounds) expect(round.size ** 2 * round.products).toBeLessThanOrEqual(256 * 1024);
});
