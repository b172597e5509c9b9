import { assert, describe, expect, test } from "vitest";
import { amount } from "@cyxwiz/primitives";
import { MAX_UNFIT_LISTED } from "../limits.ts";
import { aUnit, GIB, someNeeds } from "../scheduler/market.fixture.ts";
import { costOn } from "./estimate.ts";
import { QUOTE_TTL_MS, quoteJob, type Quoted, type QuoteRefused } from "./quote.ts";

const NOW = 1_700_000_000_000;

function quoted(...args: Parameters<typeof quoteJob>): Quoted {
  const quote = quoteJob(...args);
  assert(quote.kind === "quoted");
  return quote;
}

function refused(...args: Parameters<typeof quoteJob>): QuoteRefused {
  const quote = quoteJob(...args);
  assert(quote.kind === "refused");
  return quote;
}

test("[PR4] the amount is the cost on the best-scored unit, not on the cheapest", () => {
  const trusted = aUnit(1, { reputation: 10_000, pricePerHour: amount(600_000_000n) });
  const cheap = aUnit(2, { reputation: 2_000, pricePerHour: amount(500_000_000n) });
  const quote = quoted(someNeeds(), [cheap, trusted], NOW);
  expect(quote.chosen.unitId).toBe(trusted.unitId);
  expect(quote.amount).toBe(costOn(someNeeds(), trusted));
  expect(quote.alternatives.map((offer) => offer.unitId)).toEqual([cheap.unitId]);
  expect(quote.takers).toBe(2);
});

test("[PR4] a unit that is dearer than the amount is an alternative but no taker", () => {
  const best = aUnit(1, { reputation: 10_000 });
  const dear = aUnit(2, { pricePerHour: amount(900_000_000n) });
  const quote = quoted(someNeeds(), [best, dear], NOW);
  expect(quote.takers).toBe(1);
  expect(quote.alternatives.map((offer) => offer.cost > quote.amount)).toEqual([true]);
});

test("[PR9] a quote carries its time band and when it lapses", () => {
  const quote = quoted(someNeeds(), [aUnit(1)], NOW);
  expect(quote.expiresAt).toBe(NOW + QUOTE_TTL_MS);
  expect(quote.band).toEqual({ p50: 3962, p99: 6510 });
});

test("[PR5] a unit that is busy now is quoted, behind a free one", () => {
  const busy = aUnit(1, { activeJobs: 1 });
  expect(quoted(someNeeds(), [busy], NOW).chosen.unitId).toBe(busy.unitId);
  const free = aUnit(2);
  expect(quoted(someNeeds(), [busy, free], NOW).chosen.unitId).toBe(free.unitId);
});

describe("[PR6] a job that fits nowhere", () => {
  test("is told what each filter left over, and which filter refused each unit", () => {
    const units = [aUnit(1, { online: false }), aUnit(2, { memoryBytes: GIB }), aUnit(3, { status: "PAUSED" })];
    const quote = refused(someNeeds(), units, NOW);
    expect(quote.reasons.map((count) => [count.filter, count.removed, count.remaining])).toEqual([
      ["online", 1, 2],
      ["active", 1, 1],
      ["measured", 0, 1],
      ["device", 0, 1],
      ["memory", 1, 0],
      ["lowering", 0, 0],
    ]);
    expect(quote.unfit.map((unit) => unit.filter)).toEqual(["online", "active", "memory"]);
  });

  test("is advised to change the device before shrinking", () => {
    const units = [aUnit(1, { deviceType: "cpu" }), aUnit(2, { memoryBytes: GIB })];
    expect(refused(someNeeds({ device: "gpu" }), units, NOW).advice).toEqual({
      change: "change-device",
      to: "cpu",
      units: 1,
    });
  });

  test("is advised to shrink to what the largest unit has", () => {
    const units = [aUnit(1, { memoryBytes: GIB }), aUnit(2, { memoryBytes: 2 * GIB })];
    const { advice } = refused(someNeeds(), units, NOW);
    expect(advice).toEqual({ change: "reduce-memory", toBytes: 2 * GIB, units: 1 });
  });

  test("names at most a screenful of units, and counts them all", () => {
    const units = Array.from({ length: MAX_UNFIT_LISTED + 5 }, (_, number) => aUnit(number, { online: false }));
    const quote = refused(someNeeds(), units, NOW);
    expect(quote.unfit).toHaveLength(MAX_UNFIT_LISTED);
    expect(quote.reasons[0]).toEqual({ filter: "online", removed: units.length, remaining: 0 });
  });
});

test("[PR8] a quote refuses impossible needs", () => {
  expect(() => quoteJob(someNeeds({ trainFlops: -1 }), [aUnit(1)], NOW)).toThrow(
    expect.objectContaining({ code: "market/needs-out-of-range" }),
  );
});
