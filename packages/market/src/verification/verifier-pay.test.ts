import fc from "fast-check";
import { expect, test } from "vitest";
import { amount, parseUnitId } from "@cyxwiz/primitives";
import { settlementOf } from "../money/settlement.ts";
import { aUser } from "../scheduler/market.fixture.ts";
import { verifierPay } from "./verifier-pay.ts";

const finished = { quoted: amount(1_000_000n), totalSteps: 1_000, committedSteps: 1_000 };

test("[VFY6] a re-run is paid what owners would get for its steps", () => {
  expect(verifierPay({ ...finished, intervalSteps: 20 })).toBe(18_000n);
});

test("[VFY6] a re-run is paid at most a quarter of the platform's part", () => {
  expect(verifierPay({ ...finished, intervalSteps: 27 })).toBe(24_300n);
  expect(verifierPay({ ...finished, intervalSteps: 28 })).toBe(25_000n);
  expect(verifierPay({ ...finished, intervalSteps: 1_000 })).toBe(25_000n);
});

test("[VFY7] the platform's part of a job that ends early is that of its committed steps", () => {
  const cancelled = { ...finished, committedSteps: 100 };
  expect(verifierPay({ ...cancelled, intervalSteps: 100 })).toBe(2_500n);
  expect(verifierPay({ ...cancelled, committedSteps: 0, intervalSteps: 100 })).toBe(0n);
});

const terms = fc.integer({ min: 1, max: 10_000 }).chain((totalSteps) =>
  fc.record({
    totalSteps: fc.constant(totalSteps),
    quoted: fc.bigInt({ min: 0n, max: 10n ** 18n }).map(amount),
    committedSteps: fc.nat(totalSteps),
    intervalSteps: fc.nat(totalSteps),
  }),
);

test("[VFY7] three re-runs together cost at most three quarters of what the platform gets for the job", () => {
  fc.assert(
    fc.property(terms, (drawn) => {
      const { quoted, totalSteps, committedSteps } = drawn;
      const committed = { owner: aUser(1), unit: parseUnitId("unit_gpu0_aaaaaa"), from: 0, to: committedSteps };
      const { platform } = settlementOf({
        outcome: "cancelled",
        quoted,
        totalSteps,
        committed: committedSteps === 0 ? [] : [committed],
        cancelRefund: "uncommitted",
      });
      expect(3n * verifierPay(drawn)).toBeLessThanOrEqual((platform * 3n) / 4n);
    }),
  );
});

test("[VFY6] steps outside the job are a broken promise", () => {
  expect(() => verifierPay({ ...finished, intervalSteps: 1_001 })).toThrow("1001 of 1000 steps");
});
