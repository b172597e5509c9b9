import { expect, test } from "vitest";
import { defined, parseJobId } from "@cyxwiz/primitives";
import { EXPLORATION_DIVISOR, isExplorationJob } from "./exploration.ts";
import { aJob, aUnit } from "./market.fixture.ts";
import { plan, withPlacements } from "./plan.ts";
import type { QueuedJob } from "./snapshot.ts";

const jobs = Array.from({ length: 10_000 }, (_, number) => aJob(number));
const isExploring = (job: QueuedJob): boolean => isExplorationJob(job.jobId);
const exploring = defined(jobs.find(isExploring), "an exploration job");
const ordinary = defined(
  jobs.find((job) => !isExploring(job)),
  "an ordinary job",
);

const trusted = aUnit(1, { reputation: 9_900 });
const another = aUnit(2, { reputation: 9_800 });
const newcomer = aUnit(3, { isNew: true, reputation: 7_500 });
const betterNewcomer = aUnit(4, { isNew: true, reputation: 7_600 });

test("[SCH15] a tenth of the jobs, by their ids, are exploration jobs", () => {
  const share = jobs.filter(isExploring).length / jobs.length;
  expect(share).toBeGreaterThan(0.8 / EXPLORATION_DIVISOR);
  expect(share).toBeLessThan(1.2 / EXPLORATION_DIVISOR);
});

test("[SCH15] which jobs they are is FNV-1a of the id, and never changes", () => {
  const id = (last: string): string => `f81d4fae-7dec-4d16-a765-00a0c91e6bf${last}`;
  const picked = "0123456789abcdef".split("").filter((last) => isExplorationJob(parseJobId(id(last))));
  expect(picked).toEqual(["8"]);
});

test("[SCH16] an exploration job takes the best-scored unit of a new node, others the best of all", () => {
  const units = [trusted, newcomer, betterNewcomer];
  expect(plan(units, [exploring]).placements[0]?.unitId).toBe(betterNewcomer.unitId);
  expect(plan(units, [ordinary]).placements[0]?.unitId).toBe(trusted.unitId);
});

test("[SCH16] an exploration job that no new node fits takes the best of all", () => {
  const tooSmall = { ...newcomer, memoryBytes: 1 };
  expect(plan([another, trusted, tooSmall], [exploring]).placements[0]?.unitId).toBe(trusted.unitId);
});

test("[SCH16] a new node is no worse off than another for an ordinary job", () => {
  const best = { ...newcomer, reputation: 10_000 };
  expect(plan([trusted, best], [ordinary]).placements[0]?.unitId).toBe(best.unitId);
});

test("[SCH17] a placement says that its unit was taken for being new, and who scored higher", () => {
  const [placement] = plan([trusted, newcomer, another], [exploring]).placements;
  expect(placement).toMatchObject({
    unitId: newcomer.unitId,
    isExploration: true,
    runnersUp: [{ unitId: trusted.unitId }, { unitId: another.unitId }],
  });
});

test("[SCH17] a placement on any other ground is no exploration", () => {
  expect(plan([trusted], [exploring]).placements[0]?.isExploration).toBe(false);
  expect(plan([newcomer], [ordinary]).placements[0]?.isExploration).toBe(false);
});

test("[SCH16] once new nodes are busy, exploration jobs go on with the others", () => {
  const units = [trusted, newcomer, another];
  const after = withPlacements(units, plan(units, [exploring]).placements);
  expect(plan(after, [exploring]).placements[0]?.unitId).toBe(trusted.unitId);
});
