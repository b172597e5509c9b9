import fc from "fast-check";
import { expect, test } from "vitest";
import { amount, MAX_AMOUNT } from "@cyxwiz/primitives";
import { someNeeds } from "../scheduler/market.fixture.ts";
import { costOn, MINIMUM_CHARGE, timeBand } from "./estimate.ts";
import { checkNeeds } from "./job-needs.ts";

test("[PR1] the band is start-up, dataset and slowed-down compute", () => {
  const needs = someNeeds({ trainFlops: 1e12, datasetBytes: 20_000_000 });
  expect(timeBand(needs, 1e10)).toEqual({ p50: 2 + 1 + 110, p99: 30 + 10 + 180 });
});

test("[PR2] the cost is the price per hour by p50, rounded up to a base unit", () => {
  const needs = someNeeds({ trainFlops: 1e12, datasetBytes: 20_000_000 });
  const cost = costOn(needs, { pricePerHour: amount(1_000_000_001n), trainFlopsPerSecond: 1e10 });
  expect(cost).toBe((1_000_000_001n * 113n) / 3600n + 1n);
});

test("[PR3] the smallest job costs the minimum charge", () => {
  const needs = someNeeds({ trainFlops: 0 });
  expect(costOn(needs, { pricePerHour: amount(1n), trainFlopsPerSecond: 1e10 })).toBe(MINIMUM_CHARGE);
});

test("[PR10] a unit without a measured speed, or a job beyond all money, costs what nobody pays", () => {
  expect(costOn(someNeeds(), { pricePerHour: amount(1n), trainFlopsPerSecond: 0 })).toBe(MAX_AMOUNT);
  const endless = someNeeds({ trainFlops: 1e300 });
  expect(costOn(endless, { pricePerHour: amount(1n), trainFlopsPerSecond: 1 })).toBe(MAX_AMOUNT);
});

test("[PR2] a slower or dearer unit never costs less per its own time, and p99 is never below p50", () => {
  const positive = fc.double({ min: 1, max: 1e20, noNaN: true });
  fc.assert(
    fc.property(positive, positive, fc.bigInt({ min: 0n, max: 10n ** 12n }), (trainFlops, speed, price) => {
      const needs = someNeeds({ trainFlops });
      const band = timeBand(needs, speed);
      expect(band.p99).toBeGreaterThanOrEqual(band.p50);
      const cost = (units: bigint, flops: number): bigint =>
        costOn(needs, { pricePerHour: amount(units), trainFlopsPerSecond: flops });
      expect(cost(price + 1n, speed)).toBeGreaterThanOrEqual(cost(price, speed));
      expect(cost(price, speed / 2)).toBeGreaterThanOrEqual(cost(price, speed));
    }),
  );
});

test.each(["trainFlops", "peakMemoryBytes", "datasetBytes"] as const)(
  "[PR8] needs with an impossible %s are refused",
  (field) => {
    for (const value of [-1, Number.NaN, Infinity]) {
      expect(() => checkNeeds(someNeeds({ [field]: value }))).toThrow(
        expect.objectContaining({
          code: "market/needs-out-of-range",
          context: { field, value, allowed: "a finite number, at least 0" },
        }),
      );
    }
  },
);
