import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_PRIORITY } from "../limits.ts";
import { aJob, aUser } from "./market.fixture.ts";
import { orderQueue, PRIORITY_HEAD_START_MS, SUBMITTER_STEP_MS } from "./queue-order.ts";
import type { QueuedJob } from "./snapshot.ts";

const ids = (jobs: readonly QueuedJob[]): readonly string[] => jobs.map((job) => job.jobId);

test("[SCH7] earlier jobs are served first, and equal ones by id", () => {
  const jobs = [aJob(3, { submittedAt: 5 }), aJob(2, { submittedAt: 5 }), aJob(1, { submittedAt: 9 })];
  expect(ids(orderQueue(jobs))).toEqual([aJob(2), aJob(3), aJob(1)].map((job) => job.jobId));
});

test("[SCH7] a level of priority is a head start and no more: who waited longer than it goes first", () => {
  const old = aJob(1, { submittedAt: 0 });
  const urgent = (submittedAt: number): QueuedJob => aJob(2, { priority: 1, submittedAt });
  expect(ids(orderQueue([old, urgent(PRIORITY_HEAD_START_MS - 1)]))).toEqual([urgent(0).jobId, old.jobId]);
  expect(ids(orderQueue([old, urgent(PRIORITY_HEAD_START_MS + 1)]))).toEqual([old.jobId, urgent(0).jobId]);
});

test("[SCH7] nobody starves: whatever its priority, a job that comes late enough is behind", () => {
  const patient = aJob(1, { submittedAt: 0, priority: -1_000 });
  const late = aJob(2, { submittedAt: 2 * MAX_PRIORITY * PRIORITY_HEAD_START_MS + 1, priority: 1_000 });
  expect(ids(orderQueue([late, patient]))).toEqual([patient.jobId, late.jobId]);
});

test("[SCH8] one user's single job passes through the middle of another user's many", () => {
  const many = Array.from({ length: 10 }, (_, number) => aJob(number, { submitter: aUser(1), submittedAt: number }));
  const single = aJob(99, { submitter: aUser(2), submittedAt: 4.5 * SUBMITTER_STEP_MS });
  expect(orderQueue([...many, single]).indexOf(single)).toBe(5);
});

test("[SCH9] the order does not depend on the order of the input, and loses nobody", () => {
  const job = fc.record({
    submitter: fc.nat(3).map(aUser),
    submittedAt: fc.nat(5_000_000),
    priority: fc.integer({ min: -12, max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(job, { maxLength: 20 }), (differences) => {
      const jobs = differences.map((difference, number) => aJob(number, difference));
      const ordered = ids(orderQueue(jobs));
      expect(ids(orderQueue(jobs.toReversed()))).toEqual(ordered);
      expect(ordered.toSorted()).toEqual(ids(jobs).toSorted());
    }),
  );
});
