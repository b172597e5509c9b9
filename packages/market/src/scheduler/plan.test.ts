import { expect, test } from "vitest";
import { amount } from "@cyxwiz/primitives";
import { costOn } from "../price/estimate.ts";
import { MAX_QUEUED_JOBS, MAX_SNAPSHOT_UNITS } from "../limits.ts";
import { aJob, aNode, aUnit, GIB, someNeeds } from "./market.fixture.ts";
import { plan, withPlacements } from "./plan.ts";

test("[SCH13] a placement says its score by term and who came next", () => {
  const units = [1, 2, 3, 4, 5].map((number) => aUnit(number, { reputation: 1_000 * number }));
  const [placement] = plan(units, [aJob(1)]).placements;
  expect(placement).toMatchObject({
    jobId: aJob(1).jobId,
    unitId: aUnit(5).unitId,
    breakdown: { device: 100, memory: 50, reputation: 15, activeJobs: 0 },
    runnersUp: [{ unitId: aUnit(4).unitId }, { unitId: aUnit(3).unitId }],
  });
});

test("[SCH4] work spreads: a node that just got a job scores lower on its other units", () => {
  const sameNode = { nodeId: aNode(1), reputation: 10_000 };
  const units = [aUnit(1, sameNode), aUnit(2, sameNode), aUnit(3, { reputation: 7_500 })];
  const { placements } = plan(units, [aJob(1), aJob(2), aJob(3)]);
  expect(placements.map((placement) => placement.unitId)).toEqual([1, 3, 2].map((number) => aUnit(number).unitId));
  expect(placements.map((placement) => placement.breakdown.activeJobs)).toEqual([0, 0, -10]);
});

test("[SCH14] a requeued job goes only to units on which it costs no more than its quote", () => {
  const dear = aUnit(1, { reputation: 10_000, pricePerHour: amount(900_000_000n) });
  const fair = aUnit(2, { reputation: 1_000 });
  const quoted = costOn(someNeeds(), fair);
  const { placements, unplaced } = plan([dear, fair], [aJob(1, { quoted }), aJob(2, { quoted })]);
  expect(placements.map((placement) => placement.unitId)).toEqual([fair.unitId]);
  expect(unplaced).toEqual([aJob(2).jobId]);
});

test("[SCH14] a quote of exactly the cost is enough, and one base unit less is not", () => {
  const exact = costOn(someNeeds(), aUnit(1));
  expect(plan([aUnit(1)], [aJob(1, { quoted: exact })]).placements).toHaveLength(1);
  expect(plan([aUnit(1)], [aJob(1, { quoted: amount(exact - 1n) })]).placements).toHaveLength(0);
});

test("[SCH2] a banned node is passed over for the next best", () => {
  const units = [aUnit(1, { reputation: 10_000 }), aUnit(2)];
  expect(plan(units, [aJob(1, { bannedNodes: [aNode(1)] })]).placements[0]?.unitId).toBe(aUnit(2).unitId);
});

test("[SCH2] a job that is pinned to a lowering goes to a node that runs it", () => {
  const units = [aUnit(1, { reputation: 10_000 }), aUnit(2, { lowerings: ["torch", "ort-2"] })];
  const job = aJob(1, { needs: someNeeds({ lowering: "ort-2" }) });
  expect(plan(units, [job]).placements[0]?.unitId).toBe(aUnit(2).unitId);
});

test("[SCH3] two nodes on one computer do not sell the same GPU twice", () => {
  const shared = { deviceKey: "machine/gpu/0" };
  const units = [aUnit(1, { ...shared, allocatedCapacity: GIB }), aUnit(2, { ...shared, allocatedCapacity: GIB })];
  const { placements, unplaced } = plan(units, [aJob(1), aJob(2)]);
  expect([placements.length, unplaced.length]).toEqual([1, 1]);
});

test("[SCH3] nodes on one computer share its cores, and the smallest claim of their number counts", () => {
  const share = (claimed: number): object => ({
    deviceType: "cpu",
    deviceKey: "machine/cpu/0",
    deviceCapacity: claimed,
    allocatedCapacity: 4,
  });
  const jobs = [aJob(1), aJob(2), aJob(3)];
  expect(plan([aUnit(1, share(8)), aUnit(2, share(8)), aUnit(3, share(8))], jobs).placements).toHaveLength(2);
  expect(plan([aUnit(1, share(8)), aUnit(2, share(4)), aUnit(3, share(64))], jobs).placements).toHaveLength(1);
});

test("[SCH3] a lease that still runs on an offline node occupies the shared device", () => {
  const shared = { deviceKey: "machine/gpu/0" };
  const units = [aUnit(1, { ...shared, online: false, activeJobs: 1 }), aUnit(2, shared)];
  expect(plan(units, [aJob(1)]).placements).toHaveLength(0);
});

test("[SCH11] a round takes so many units and jobs and says so over that", () => {
  const unit = aUnit(1);
  expect(() =>
    plan(
      Array.from({ length: MAX_SNAPSHOT_UNITS + 1 }, () => unit),
      [],
    ),
  ).toThrow(
    expect.objectContaining({
      code: "market/snapshot-exceeded",
      context: { what: "units", have: MAX_SNAPSHOT_UNITS + 1, allowed: MAX_SNAPSHOT_UNITS },
    }),
  );
  const job = aJob(1);
  expect(() =>
    plan(
      [],
      Array.from({ length: MAX_QUEUED_JOBS + 1 }, () => job),
    ),
  ).toThrow(/at most 200000 jobs/);
});

test("[SCH3] a unit that is twice in a snapshot is a broken promise, not two units", () => {
  expect(() => plan([aUnit(1), aUnit(1)], [aJob(1)])).toThrow("twice in the snapshot");
});

test("[SCH10] the units after a plan carry its assignments", () => {
  const units = [aUnit(1), aUnit(2)];
  const after = withPlacements(units, plan(units, [aJob(1)]).placements);
  expect(after.map((unit) => unit.activeJobs)).toEqual([1, 0]);
});
