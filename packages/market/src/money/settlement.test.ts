import { expect, test } from "vitest";
import { amount, parseUnitId, ZERO, type Amount } from "@cyxwiz/primitives";
import { aUser } from "../scheduler/market.fixture.ts";
import {
  amountDue,
  settlementOf,
  sharesByOwner,
  splitPlatform,
  type CommittedRange,
  type SettlementTerms,
} from "./settlement.ts";

const gpu = parseUnitId("unit_gpu0_aaaaaa");
const cpu = parseUnitId("unit_cpu0_aaaaaa");

function range(owner: number, from: number, to: number, unit = gpu): CommittedRange {
  return { owner: aUser(owner), unit, from, to };
}

function terms(differences: Partial<SettlementTerms> = {}): SettlementTerms {
  return {
    outcome: "completed",
    quoted: amount(100_001n),
    totalSteps: 100,
    committed: [range(1, 0, 100)],
    cancelRefund: "uncommitted",
    ...differences,
  };
}

const units = (...values: readonly Amount[]): readonly bigint[] => values.map(BigInt);

test("[PAY1] due is the quote by committed steps, rounded down", () => {
  expect(units(amountDue(amount(100n), 1, 3), amountDue(amount(100n), 2, 3), amountDue(amount(100n), 3, 3))).toEqual([
    33n,
    66n,
    100n,
  ]);
});

test("[PAY2] the platform takes a tenth, rounded down: 100,001 is 90,001 + 10,000", () => {
  expect(splitPlatform(amount(100_001n))).toEqual({ owner: 90_001n, platform: 10_000n });
  expect(splitPlatform(amount(9n))).toEqual({ owner: 9n, platform: 0n });
});

test("[PAY5] a completed job pays its owner and the platform everything", () => {
  expect(settlementOf(terms())).toEqual({
    owners: [{ owner: aUser(1), unit: gpu, amount: 90_001n }],
    platform: 10_000n,
    refunded: 0n,
  });
});

test.each(["cancelled", "failed-by-job"] as const)(
  "[PAY5] a job that ends as %s pays its committed steps",
  (outcome) => {
    const settlement = settlementOf(terms({ outcome, committed: [range(1, 0, 40)] }));
    expect(settlement).toEqual({
      owners: [{ owner: aUser(1), unit: gpu, amount: 36_000n }],
      platform: 4_000n,
      refunded: 60_001n,
    });
  },
);

test.each(["failed-by-node", "failed-by-server"] as const)("[PAY6] %s gives everything back", (outcome) => {
  const settlement = settlementOf(terms({ outcome, committed: [range(1, 0, 99)] }));
  expect(settlement).toEqual({ owners: [], platform: ZERO, refunded: 100_001n });
});

test.each(["cancelled", "failed-by-job", "completed"] as const)(
  "[PAY6] %s with nothing committed gives everything back",
  (outcome) => {
    expect(settlementOf(terms({ outcome, committed: [] })).refunded).toBe(100_001n);
  },
);

test("[PAY7] under cancel_refund = full a cancel gives everything back, a fault of the job does not", () => {
  const committed = [range(1, 0, 40)];
  expect(settlementOf(terms({ outcome: "cancelled", cancelRefund: "full", committed })).refunded).toBe(100_001n);
  expect(settlementOf(terms({ outcome: "failed-by-job", cancelRefund: "full", committed })).refunded).toBe(60_001n);
});

test("[PAY3] owners share by step ranges, each paid what its steps added", () => {
  const settlement = settlementOf(
    terms({ quoted: amount(101n), totalSteps: 3, committed: [range(2, 1, 2), range(1, 0, 1), range(3, 2, 3)] }),
  );
  expect(settlement.owners.map((share) => [share.owner, share.amount])).toEqual([
    [aUser(1), 30n],
    [aUser(2), 31n],
    [aUser(3), 30n],
  ]);
  expect(settlement.platform).toBe(10n);
});

test("[PAY10] ranges of one unit are one share, and shares of one owner are one payment", () => {
  const committed = [range(1, 0, 10), range(2, 10, 20), range(1, 20, 30), range(1, 30, 50, cpu)];
  const settlement = settlementOf(terms({ quoted: amount(1_000n), committed }));
  expect(settlement.owners.map((share) => share.amount)).toEqual([180n, 90n, 180n]);
  expect(sharesByOwner(settlement)).toEqual([
    { owner: aUser(1), amount: 360n },
    { owner: aUser(2), amount: 90n },
  ]);
});

test("[PAY10] an owner whose share rounds to nothing gets no payment", () => {
  const settlement = settlementOf(terms({ quoted: amount(1n), committed: [range(1, 0, 50), range(2, 50, 100)] }));
  expect(sharesByOwner(settlement)).toEqual([{ owner: aUser(2), amount: 1n }]);
});

test("[PAY4] ranges that overlap are refused: no step is paid twice", () => {
  const committed = [range(1, 0, 50), range(2, 49, 60)];
  expect(() => settlementOf(terms({ committed }))).toThrow(
    expect.objectContaining({ code: "market/step-range-overlap", context: { from: 49, to: 60, previousTo: 50 } }),
  );
});

test.each([
  [-1, 5],
  [5, 5],
  [0, 101],
  [0.5, 3],
])("[PAY4] a range from %d to %d is refused in a job of 100 steps", (from, to) => {
  expect(() => settlementOf(terms({ committed: [range(1, from, to)] }))).toThrow(
    expect.objectContaining({ code: "market/step-range-out-of-range" }),
  );
});
