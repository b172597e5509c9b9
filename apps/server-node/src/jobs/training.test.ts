import type { AssignmentId } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { rootOfReports } from "../../test/chain-of-reports.ts";
import { type Bench, kindsOf, settle, setup } from "../../test/executor-bench.ts";
import { cidOf, DATASET, sampleAssignment } from "../../test/sample-assignment.ts";
import { INITIAL_SHA256, sha256, stateAt } from "../../test/scripted-driver.ts";
import { until } from "../../test/temp-folder.ts";
import type { LiveChange, StoredCheckpoint, TrainAssignment } from "../central/messages.ts";
import { LIVE_CHANGES } from "../limits.ts";

const RATE: LiveChange = {
  changeId: "88888888-8888-4888-8888-888888888888",
  learningRate: 0.05,
  stop: false,
  signature: "c2ln",
};
const STOP: LiveChange = { changeId: "99999999-9999-4999-8999-999999999999", stop: true, signature: "c3RvcA" };

/** Starts a training and waits until it stands before a step. */
async function pausedBefore(
  bench: Bench,
  step: number,
  changes: Partial<TrainAssignment> = {},
): Promise<TrainAssignment> {
  const assignment = await sampleAssignment(changes);
  bench.executor.offer(assignment);
  await until(() => bench.executor.running()[0]?.step === step - 1);
  return assignment;
}

async function storedAt(step: number): Promise<StoredCheckpoint> {
  const content = stateAt(step, DATASET);
  return { step, cid: await cidOf(content), sha256: sha256(content), sizeBytes: content.length };
}

test("[NJ11] checkpoints name the initial state, and the result the root of what was reported", async () => {
  await using bench = await setup();
  const assignment = await sampleAssignment();
  bench.executor.offer(assignment);
  await settle(bench);
  const root = rootOfReports([{ assignment, reports: bench.reports }]);
  expect(bench.last()).toMatchObject({ kind: "result", initialSha256: INITIAL_SHA256, chainRoot: root });
  const checkpoints = bench.reports.filter(({ kind }) => kind === "checkpoint");
  expect(checkpoints.map((report) => "initialSha256" in report && report.initialSha256)).toEqual(
    Array(3).fill(INITIAL_SHA256),
  );
});

test("[NJ11] an attempt that goes on from a checkpoint and one that only delivers the model end at the job's root", async () => {
  await using first = await setup({ script: { pauseAt: 4 } });
  const assignment = await pausedBefore(first, 4);
  void first.executor.drain();
  await settle(first);
  const attempts = [{ assignment, reports: [...first.reports] }];
  for (const step of [3, 6]) {
    await using next = await setup();
    const resume = await storedAt(step);
    const resumed = { ...assignment, resume, chainHead: rootOfReports(attempts) };
    next.executor.offer(resumed);
    await settle(next);
    const whole = [...attempts, { assignment: resumed, reports: next.reports }];
    expect(next.last()).toMatchObject({ kind: "result", chainRoot: rootOfReports(whole) });
    attempts.push({ assignment: resumed, reports: next.reports.filter(({ kind }) => kind !== "result") });
  }
});

test("[NJ12] a change is handed to the trainer, reported with its step and part of the root", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const assignment = await pausedBefore(bench, 4);
  bench.executor.change(assignment, RATE);
  bench.executor.change(assignment, RATE);
  bench.driver.go();
  await settle(bench);
  expect(kindsOf(bench.reports)).toEqual([
    "accepted",
    "checkpoint 2",
    "changed 3",
    "checkpoint 4",
    "checkpoint 6",
    "result",
  ]);
  const root = rootOfReports([{ assignment, changes: [RATE], reports: bench.reports }]);
  expect(bench.last()).toMatchObject({ chainRoot: root });
});

test("[NJ12] a change never overtakes the upload of a checkpoint before it", async () => {
  const store = Promise.withResolvers<void>();
  await using bench = await setup({ script: { pauseAt: 4 }, upload: () => store.promise });
  const assignment = await pausedBefore(bench, 4);
  bench.executor.change(assignment, RATE);
  bench.driver.go();
  await until(() => bench.executor.running()[0]?.step === 6);
  bench.pump();
  expect(kindsOf(bench.reports)).toEqual(["accepted"]);
  store.resolve();
  await settle(bench);
  expect(kindsOf(bench.reports).slice(1, 4)).toEqual(["checkpoint 2", "changed 3", "checkpoint 4"]);
});

test("[NJ12] a stop by the user delivers the model as it is, at the step where it took effect", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const assignment = await pausedBefore(bench, 4);
  bench.executor.change(assignment, RATE);
  bench.executor.change(assignment, STOP);
  bench.driver.go();
  await settle(bench);
  const commits = ["checkpoint 2", "checkpoint 3", "changed 3", "changed 3"];
  expect(kindsOf(bench.reports)).toEqual(["accepted", ...commits, "result"]);
  const root = rootOfReports([{ assignment, changes: [RATE, STOP], reports: bench.reports }]);
  expect(bench.last()).toMatchObject({
    step: 3,
    chainRoot: root,
    onnx: { cid: await cidOf(`onnx step=3 ${DATASET}`) },
  });
  expect(bench.executor.counts()).toMatchObject({ completed: 1 });
});

test("changes that an earlier attempt committed are not committed again; those that wait are", async () => {
  await using bench = await setup();
  const chainHead = sha256("head");
  const assignment = await sampleAssignment({
    resume: await storedAt(4),
    chainHead,
    changes: [{ ...RATE, step: 3 }, STOP],
  });
  bench.executor.offer(assignment);
  await settle(bench);
  expect(bench.driver.jobs[0]?.changes).toEqual([
    { id: RATE.changeId, step: 3, learningRate: 0.05 },
    { id: STOP.changeId, stop: true },
  ]);
  expect(kindsOf(bench.reports)).toEqual(["accepted", "changed 4", "result"]);
});

test("[NJ12] a change that the trainer repeats from an earlier attempt is not reported twice", async () => {
  await using bench = await setup({ script: { repeatsChanges: true } });
  const changes = [{ ...RATE, step: 3 }];
  bench.executor.offer(await sampleAssignment({ resume: await storedAt(4), chainHead: sha256("head"), changes }));
  await settle(bench);
  expect(kindsOf(bench.reports)).toEqual(["accepted", "checkpoint 6", "result"]);
});

test("a change that comes before the trainer has started is among those that it starts with", async () => {
  await using bench = await setup();
  const assignment = await sampleAssignment();
  bench.executor.offer(assignment);
  bench.executor.change(assignment, RATE);
  await settle(bench);
  expect(bench.driver.jobs[0]?.changes).toMatchObject([{ id: RATE.changeId }]);
  expect(kindsOf(bench.reports)[1]).toBe("changed 0");
});

test("a change that was made while the stream was away comes with the second offer", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const assignment = await pausedBefore(bench, 4);
  bench.executor.offer({ ...assignment, changes: [RATE] });
  bench.driver.go();
  await settle(bench);
  expect(kindsOf(bench.reports)).toContain("changed 3");
});

test("a change for an offer that waits for its device is made when it starts", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const all = { threads: 0, memoryBytes: 0 };
  const first = await pausedBefore(bench, 4, all);
  const assignmentId = "66666666-6666-4666-8666-666666666666" as AssignmentId;
  bench.executor.cancel(first, { reason: "user", keepModel: false });
  bench.executor.offer({ ...first, assignmentId });
  bench.executor.offer({ ...first, assignmentId, seed: "7" });
  bench.executor.change({ ...first, assignmentId }, RATE);
  await until(() => {
    bench.pump();
    return bench.driver.jobs.length === 2;
  });
  expect(bench.driver.jobs[1]).toMatchObject({ seed: "7", changes: [{ id: RATE.changeId }] });
});

test("a change for work that is not here, or of an older lease, is let pass with a log line", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const assignment = await pausedBefore(bench, 4);
  bench.executor.change({ ...assignment, fencingToken: 1n }, RATE);
  bench.driver.go();
  await settle(bench);
  bench.executor.change(assignment, RATE);
  expect(kindsOf(bench.reports)).not.toContain("changed 3");
  expect(bench.logger.lines.filter(({ message }) => message.startsWith("a change is let pass"))).toHaveLength(2);
});

test("no more changes are taken than a job may have", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const assignment = await pausedBefore(bench, 4);
  for (let i = 0; i <= LIVE_CHANGES; i++) bench.executor.change(assignment, { ...RATE, changeId: `${i}` });
  expect(bench.logger.lines.filter(({ message }) => message.startsWith("a change is let pass"))).toHaveLength(1);
});
