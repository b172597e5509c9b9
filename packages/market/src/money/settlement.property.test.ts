import fc from "fast-check";
import { expect, test } from "vitest";
import { amount, MAX_AMOUNT, parseUnitId } from "@cyxwiz/primitives";
import { aUser } from "../scheduler/market.fixture.ts";
import { CANCEL_REFUNDS, OUTCOMES, settlementOf, type CommittedRange, type SettlementTerms } from "./settlement.ts";

const unit = parseUnitId("unit_gpu0_aaaaaa");

/** Ranges that follow each other, some with a gap, by up to four owners. */
const someTerms: fc.Arbitrary<SettlementTerms> = fc
  .record({
    outcome: fc.constantFrom(...OUTCOMES),
    quoted: fc.bigInt({ min: 0n, max: MAX_AMOUNT }).map(amount),
    parts: fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(3), fc.integer({ min: 1, max: 1_000 })), {
      maxLength: 8,
    }),
    rest: fc.integer({ min: 1, max: 5_000 }),
    cancelRefund: fc.constantFrom(...CANCEL_REFUNDS),
  })
  .map(({ outcome, quoted, cancelRefund, parts, rest }) => {
    let step = 0;
    const committed = parts.map(([owner, gap, length]): CommittedRange => {
      const from = step + gap;
      step = from + length;
      return { owner: aUser(owner), unit, from, to: step };
    });
    return { outcome, quoted, cancelRefund, committed, totalSteps: step + rest };
  });

const ownersTotal = (terms: SettlementTerms): bigint =>
  settlementOf(terms).owners.reduce((sum, share) => sum + share.amount, 0n);

test("[PAY8] shares, platform and refund add up to the quote, and none is below zero", () => {
  fc.assert(
    fc.property(someTerms, (terms) => {
      const { owners, platform, refunded } = settlementOf(terms);
      const amounts = [...owners.map((share) => share.amount), platform, refunded];
      expect(amounts.every((value) => value >= 0n)).toBe(true);
      expect(amounts.reduce<bigint>((sum, value) => sum + value, 0n)).toBe(terms.quoted);
    }),
  );
});

test("[PAY9] more committed steps never pay owners or platform less", () => {
  fc.assert(
    fc.property(someTerms, fc.integer({ min: 0, max: 3 }), (terms, owner) => {
      const from = terms.committed.at(-1)?.to ?? 0;
      const more = { ...terms, committed: [...terms.committed, { owner: aUser(owner), unit, from, to: from + 1 }] };
      expect(ownersTotal(more)).toBeGreaterThanOrEqual(ownersTotal(terms));
      expect(settlementOf(more).platform).toBeGreaterThanOrEqual(settlementOf(terms).platform);
    }),
  );
});

test("[PAY3] later work never changes what earlier work is worth", () => {
  fc.assert(
    fc.property(someTerms, (terms) => {
      const from = terms.committed.at(-1)?.to ?? 0;
      const before = settlementOf(terms).owners;
      const more = { ...terms, committed: [...terms.committed, { owner: aUser(9), unit, from, to: from + 1 }] };
      expect(settlementOf(more).owners.filter((share) => share.owner !== aUser(9))).toEqual(before);
    }),
  );
});
