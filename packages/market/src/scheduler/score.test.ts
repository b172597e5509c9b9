import { expect, test } from "vitest";
import { amount, ZERO } from "@cyxwiz/primitives";
import { aUnit } from "./market.fixture.ts";
import { compareUnits, DEFAULT_WEIGHTS, scoreUnit, totalScore } from "./score.ts";

test("[SCH5] a score is device 100, memory 50, reputation × 30, −10 for each active job of the node, and price", () => {
  const breakdown = scoreUnit(aUnit(1), 2, DEFAULT_WEIGHTS);
  expect(breakdown).toMatchObject({ device: 100, memory: 50, reputation: 22.5, activeJobs: -20 });
  expect(totalScore(breakdown)).toBeCloseTo(152.5 + 7.5, 3);
});

test("[SCH5] the price term is all for free work, half at the reference price, and nothing for a unit of unknown speed", () => {
  const price = (differences: Parameters<typeof aUnit>[1]): number =>
    scoreUnit(aUnit(1, differences), 0, DEFAULT_WEIGHTS).price;
  expect(price({ pricePerHour: ZERO })).toBe(15);
  expect(price({})).toBeCloseTo(7.5, 3);
  expect(price({ trainFlopsPerSecond: 0 })).toBe(0);
});

test("[SCH5] weights are configuration", () => {
  const weights = {
    ...DEFAULT_WEIGHTS,
    device: 1,
    memory: 2,
    reputation: 4,
    activeJob: 0,
    price: 0,
    referencePrice: amount(1n),
  };
  expect(totalScore(scoreUnit(aUnit(1, { reputation: 5_000 }), 7, weights))).toBe(5);
});

test("[SCH6] units of equal score are ordered by their owner's priority, then by id", () => {
  const units = [aUnit(3), aUnit(1), aUnit(2, { priority: 1 })];
  expect(units.toSorted(compareUnits).map((unit) => unit.unitId)).toEqual(
    [aUnit(2), aUnit(1), aUnit(3)].map((unit) => unit.unitId),
  );
});
