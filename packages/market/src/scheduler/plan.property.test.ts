import fc from "fast-check";
import { expect, test } from "vitest";
import { amount, defined } from "@cyxwiz/primitives";
import { costOn } from "../price/estimate.ts";
import { isExplorationJob } from "./exploration.ts";
import { explain } from "./explain.ts";
import { filterUnits, JOB_FILTERS } from "./filter.ts";
import { FleetLoad } from "./fleet-load.ts";
import { aJob, aNode, aUnit, aUser, GIB, someNeeds } from "./market.fixture.ts";
import { plan, withPlacements } from "./plan.ts";
import type { Placement } from "./placement.ts";
import { orderQueue } from "./queue-order.ts";
import { compareUnits, DEFAULT_WEIGHTS, scoreUnit, totalScore } from "./score.ts";
import { deviceKey, type QueuedJob, type UnitSnapshot } from "./snapshot.ts";

const deviceType = fc.constantFrom("cpu", "gpu");

/** Few nodes, machines and values, so that ties, shared devices and refusals are common. */
const units: fc.Arbitrary<readonly UnitSnapshot[]> = fc
  .array(
    fc.record({
      node: fc.nat(5),
      machine: fc.nat(5),
      device: fc.nat(1),
      deviceType,
      share: fc.constantFrom(2, 3, 4, 9),
      memory: fc.integer({ min: 4, max: 8 }),
      price: fc.constantFrom(0, 2, 3),
      speed: fc.constantFrom(0, 2e12, 3e12, 3e12),
      reputation: fc.constantFrom(5_000, 7_500),
      activeJobs: fc.constantFrom(0, 0, 0, 1),
      online: fc.constantFrom(true, true, true, false),
      status: fc.constantFrom("ACTIVE", "ACTIVE", "ACTIVE", "PAUSED"),
      lowerings: fc.constantFrom(["a"], ["a", "b"], ["b"]),
      priority: fc.nat(1),
      isNew: fc.boolean(),
    }),
    { minLength: 4, maxLength: 32 },
  )
  .map((drawn) =>
    drawn.map(({ node, machine, device, share, memory, price, speed, ...rest }, number) =>
      aUnit(number, {
        ...rest,
        nodeId: aNode(node),
        deviceKey: deviceKey(`machine${machine}`, rest.deviceType, device),
        deviceCapacity: 8,
        allocatedCapacity: share,
        memoryBytes: memory * GIB,
        pricePerHour: amount(BigInt(price) * 100_000_000n),
        trainFlopsPerSecond: speed,
      }),
    ),
  );

const jobs: fc.Arbitrary<readonly QueuedJob[]> = fc
  .array(
    fc.record({
      user: fc.nat(2),
      device: fc.constantFrom("any", "cpu", "gpu"),
      memory: fc.integer({ min: 1, max: 8 }),
      lowering: fc.constantFrom(undefined, undefined, "a", "b"),
      flops: fc.constantFrom(0, 1e15, 1e16),
      quotedOn: fc.integer({ min: 2, max: 4 }),
      offBy: fc.constantFrom(-1n, 0n, 1n),
      banned: fc.array(fc.nat(5), { maxLength: 2 }),
      priority: fc.integer({ min: -2, max: 2 }),
      isExploring: fc.boolean(),
    }),
    { minLength: 2, maxLength: 16 },
  )
  .map((drawn) =>
    drawn.map(({ user, device, memory, lowering, flops, quotedOn, offBy, banned, priority, isExploring }, number) => {
      const pinned = lowering === undefined ? {} : { lowering };
      const needs = someNeeds({ device, peakMemoryBytes: memory * GIB, trainFlops: flops, ...pinned });
      const price = { pricePerHour: amount(BigInt(quotedOn) * 100_000_000n), trainFlopsPerSecond: 3e12 };
      const quoted = amount(costOn(needs, price) + offBy);
      const { jobId } = isExploring ? explorationJob(number) : aJob(number);
      return aJob(number, { jobId, submitter: aUser(user), needs, quoted, bannedNodes: banned.map(aNode), priority });
    }),
  );

/** The first job of a hundred that looks for a new node first. */
function explorationJob(number: number): QueuedJob {
  const hundred = Array.from({ length: 100 }, (_, index) => aJob(100 * (number + 1) + index));
  return defined(
    hundred.find((job) => isExplorationJob(job.jobId)),
    "an exploration job in a hundred",
  );
}

/** The plan by definition: every filter asked of every unit for every job. */
function planByScan(snapshot: readonly UnitSnapshot[], queue: readonly QueuedJob[]): readonly (readonly string[])[] {
  let now = snapshot;
  const placed: (readonly string[])[] = [];
  for (const job of orderQueue(queue)) {
    const load = new FleetLoad(now);
    const score = (unit: UnitSnapshot): number =>
      totalScore(scoreUnit(unit, load.ofNode(unit.nodeId), DEFAULT_WEIGHTS));
    const isNewFirst = isExplorationJob(job.jobId);
    const ranked = filterUnits(now, job, JOB_FILTERS, load).fit.toSorted(
      (a, b) => (isNewFirst ? Number(b.isNew) - Number(a.isNew) : 0) || score(b) - score(a) || compareUnits(a, b),
    );
    const [winner, ...others] = ranked.slice(0, 3).map((unit) => unit.unitId);
    if (winner === undefined) continue;
    placed.push([job.jobId, winner, ...others]);
    now = now.with(
      now.findIndex((unit) => unit.unitId === winner),
      { ...unitNamed(now, winner), activeJobs: 1 },
    );
  }
  return placed;
}

function unitNamed(snapshot: readonly UnitSnapshot[], unitId: string): UnitSnapshot {
  return defined(
    snapshot.find((unit) => unit.unitId === unitId),
    unitId,
  );
}

const names = (placement: Placement): readonly string[] => [
  placement.jobId,
  placement.unitId,
  ...placement.runnersUp.map((runner) => runner.unitId),
];

test("[SCH4] [SCH16] the index finds the same units, in the same order, as asking every unit", () => {
  fc.assert(
    fc.property(units, jobs, (snapshot, queue) => {
      expect(plan(snapshot, queue).placements.map(names)).toEqual(planByScan(snapshot, queue));
    }),
    { numRuns: 500 },
  );
});

test("[SCH3] a plan never over-commits a unit or a physical device", () => {
  fc.assert(
    fc.property(units, jobs, (snapshot, queue) => {
      const { placements } = plan(snapshot, queue);
      const taken = new Set(placements.map((placement) => placement.unitId));
      expect(taken.size).toBe(placements.length);
      for (const shared of Map.groupBy(withPlacements(snapshot, placements), (unit) => unit.deviceKey).values()) {
        if (!shared.some((unit) => taken.has(unit.unitId))) continue;
        const live = shared.filter((unit) => unit.activeJobs > 0);
        expect(live.every((unit) => unit.activeJobs === 1)).toBe(true);
        expect(live.reduce((sum, unit) => sum + unit.allocatedCapacity, 0)).toBeLessThanOrEqual(8);
        if (live.some((unit) => unit.deviceType === "gpu")) expect(live).toHaveLength(1);
      }
    }),
  );
});

test("[SCH2] every placed job fits its unit, and costs no more there than was quoted", () => {
  fc.assert(
    fc.property(units, jobs, (snapshot, queue) => {
      for (const { jobId, unitId } of plan(snapshot, queue).placements) {
        const unit = snapshot.filter((each) => each.unitId === unitId);
        const job = queue.find((each) => each.jobId === jobId);
        expect(job !== undefined && filterUnits(unit, job, JOB_FILTERS, new FleetLoad(unit)).fit).toEqual(unit);
      }
    }),
  );
});

test("[SCH9] the same input gives the same plan, in whatever order units and jobs are listed", () => {
  fc.assert(
    fc.property(units, jobs, (snapshot, queue) => {
      const first = plan(snapshot, queue);
      expect(plan(snapshot, queue)).toEqual(first);
      expect(plan(snapshot.toReversed(), queue.toReversed())).toEqual(first);
    }),
  );
});

test("[SCH10] a plan leaves no job that a unit would still take, and loses none", () => {
  fc.assert(
    fc.property(units, jobs, (snapshot, queue) => {
      const { placements, unplaced } = plan(snapshot, queue);
      const after = withPlacements(snapshot, placements);
      for (const job of queue.filter((each) => unplaced.includes(each.jobId))) {
        expect(explain(after, job)).toMatchObject({ fitting: 0, advice: expect.anything() });
      }
      expect([...placements.map((placement) => placement.jobId), ...unplaced].toSorted()).toEqual(
        queue.map((job) => job.jobId).toSorted(),
      );
    }),
  );
});
