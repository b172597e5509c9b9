import fc from "fast-check";
import { expect, test } from "vitest";
import {
  REPUTATION_MAX,
  REPUTATION_START,
  reputationFromPercent,
  reputationFromUnit,
  reputationToPercent,
  reputationToUnit,
} from "./reputation.ts";

test("[REP1] a new node starts at 75 of 100", () => {
  expect(reputationToPercent(REPUTATION_START)).toBe(75);
  expect(reputationToUnit(REPUTATION_START)).toBe(0.75);
});

test("[REP2] every value survives the way to both edges and back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: REPUTATION_MAX }), (reputation) => {
      expect(reputationFromPercent(reputationToPercent(reputation))).toBe(reputation);
      expect(reputationFromUnit(reputationToUnit(reputation))).toBe(reputation);
    }),
  );
});

test.each([-0.1, 1.1, Number.NaN])("[REP2] %d is no reputation on the scale of 0 to 1", (value) => {
  expect(() => reputationFromUnit(value)).toThrow(
    expect.objectContaining({ code: "market/reputation-out-of-range", context: { value, allowed: "0 to 1" } }),
  );
});

test.each([-1, 10_001, 0.5])("[REP2] %d is no reputation inside", (value) => {
  expect(() => reputationToUnit(value)).toThrow("allowed is a whole number, 0 to 10000");
});
