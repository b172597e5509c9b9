import { expect, test } from "vitest";
import { amount } from "@cyxwiz/primitives";
import { describeAdvice, type Advice } from "./advice.ts";
import { explain } from "./explain.ts";
import { FILTER_CODES, JOB_FILTERS } from "./filter.ts";
import { aJob, aNode, aUnit, GIB, someNeeds } from "./market.fixture.ts";
import type { QueuedJob, UnitSnapshot } from "./snapshot.ts";

test("[SCH1] the filters are asked in the order of their codes", () => {
  expect(JOB_FILTERS.map((filter) => filter.code)).toEqual(FILTER_CODES);
});

test("[SCH1] an explanation says for every filter how many units it took out and how many were left", () => {
  const units = [
    aUnit(1, { online: false }),
    aUnit(2, { status: "ERROR" }),
    aUnit(3, { trainFlopsPerSecond: 0 }),
    aUnit(4, { deviceType: "cpu" }),
    aUnit(5, { memoryBytes: GIB }),
    aUnit(6, { lowerings: ["other"] }),
    aUnit(7, { pricePerHour: amount(5_000_000_000n) }),
    aUnit(8),
    aUnit(9, { activeJobs: 1 }),
    aUnit(10, { allocatedCapacity: 17 * GIB }),
  ];
  const job = aJob(1, { needs: someNeeds({ device: "gpu", lowering: "ort" }), bannedNodes: [aNode(8)] });
  const { reasons, fitting } = explain(units, job);
  expect(fitting).toBe(0);
  expect(reasons).toEqual(
    FILTER_CODES.map((filter, index) => ({ filter, removed: 1, remaining: FILTER_CODES.length - 1 - index })),
  );
});

test("[SCH12] a job that some unit would take gets no advice: it waits for its turn", () => {
  expect(explain([aUnit(1), aUnit(2, { online: false })], aJob(1))).toMatchObject({ fitting: 1 });
  expect(explain([aUnit(1)], aJob(1)).advice).toBeUndefined();
});

test.each<[string, Partial<UnitSnapshot>, Partial<QueuedJob>, Advice]>([
  ["is busy", { activeJobs: 1 }, {}, { change: "wait-for-unit", units: 1 }],
  [
    "is of another kind",
    { deviceType: "cpu" },
    { needs: someNeeds({ device: "gpu" }) },
    { change: "change-device", to: "cpu", units: 1 },
  ],
  ["is dearer", {}, { quoted: amount(1n) }, { change: "raise-amount", to: amount(627_316_667n), units: 1 }],
  ["is smaller", { memoryBytes: GIB }, {}, { change: "reduce-memory", toBytes: GIB, units: 1 }],
  ["has another lowering", {}, { needs: someNeeds({ lowering: "x" }) }, { change: "unpin-lowering", units: 1 }],
  ["is offline", { online: false }, {}, { change: "wait-for-node", units: 1 }],
  ["is paused", { status: "PAUSED" }, {}, { change: "wait-for-node", units: 1 }],
  ["is both offline and too small", { online: false, memoryBytes: GIB }, {}, { change: "none" }],
])("[SCH12] when the only unit %s, the advice is the one change that would help", (_case, unit, job, advice) => {
  expect(explain([aUnit(1, unit)], aJob(1, job)).advice).toEqual(advice);
});

test("[SCH12] where nobody shares a device, the advice is to bring a node", () => {
  expect(explain([], aJob(1)).advice).toEqual({ change: "add-node" });
});

test("[SCH12] advice that costs the user nothing comes before advice that costs", () => {
  const units = [aUnit(1, { memoryBytes: GIB }), aUnit(2, { pricePerHour: amount(5_000_000_000n) })];
  expect(explain(units, aJob(1)).advice?.change).toBe("raise-amount");
  expect(explain([...units, aUnit(3, { activeJobs: 1 })], aJob(1)).advice?.change).toBe("wait-for-unit");
});

test("[SCH12] every kind of advice is a sentence that names the change", () => {
  const all: readonly Advice[] = [
    { change: "wait-for-unit", units: 2 },
    { change: "change-device", to: "cpu", units: 1 },
    { change: "raise-amount", to: amount(1_500_000_000n), units: 1 },
    { change: "reduce-memory", toBytes: 1024, units: 1 },
    { change: "unpin-lowering", units: 1 },
    { change: "wait-for-node", units: 1 },
    { change: "add-node" },
    { change: "none" },
  ];
  expect(all.map(describeAdvice)).toEqual([
    "wait: 2 unit(s) that fit are busy now",
    "allow a CPU: 1 unit(s) would fit",
    "raise the amount to 1.5 CYXWIZ, the cost on the cheapest of 1 unit(s)",
    "bring the peak memory down to 1024 bytes, what the largest unit has: a smaller batch does it",
    "let the job run with another lowering: 1 unit(s) would fit",
    "wait: 1 unit(s) that fit are offline or paused",
    "start a Server Node, or wait for one: nobody shares a device yet",
    "no single change would help: several requirements are not met by any one unit",
  ]);
});
