import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { kindsOf, settle, setup } from "../../test/executor-bench.ts";
import { cidOf, DATASET, sampleRerun } from "../../test/sample-assignment.ts";
import { INITIAL_SHA256, sha256, stateAt } from "../../test/scripted-driver.ts";
import { until } from "../../test/temp-folder.ts";
import type { LiveChange, RerunTask, StoredCheckpoint } from "../central/messages.ts";
import { NODE_ERRORS } from "../errors.ts";

const COMPUTED_WITH = { lowering: "loop-1", build: "scripted-1", hardwareClass: "x64-test" };
const CHANGE: LiveChange = {
  changeId: "88888888-8888-4888-8888-888888888888",
  step: 1,
  batchSize: 1,
  stop: false,
  signature: "",
};

async function storedAt(step: number): Promise<StoredCheckpoint> {
  const content = stateAt(step, DATASET);
  return { step, cid: await cidOf(content), sha256: sha256(content), sizeBytes: content.length };
}

test("[NJ13] a re-run from the start reports what it found and uploads nothing", async () => {
  await using bench = await setup({ upload: () => Promise.reject(new TypeError("nothing is uploaded")) });
  bench.executor.offer(await sampleRerun());
  expect(bench.executor.running()).toMatchObject([{ kind: "VERIFY", step: 0 }]);
  await settle(bench);
  expect(kindsOf(bench.reports)).toEqual(["accepted", "rerun"]);
  const { assignmentId, fencingToken } = await sampleRerun();
  expect(bench.last()).toEqual({
    kind: "rerun",
    assignmentId,
    fencingToken,
    initialSha256: INITIAL_SHA256,
    endSha256: sha256(stateAt(2, DATASET)),
    seconds: 2,
    ...COMPUTED_WITH,
  });
  // The unit has four threads; the work that is repeated had two.
  expect(bench.driver.jobs[0]).toMatchObject({ threads: 2, changes: [], replay: { toStep: 2, withModel: false } });
  expect(bench.executor.counts()).toEqual({ completed: 0, verified: 1, failed: 0, cancelled: 0 });
  expect(await readdir(join(bench.dataDir, "work"))).toEqual([]);
});

test("[NJ13] an interval goes from its checkpoint through its changes, and the model is made of the one named", async () => {
  await using bench = await setup();
  const [start, model] = [await storedAt(2), await storedAt(6)];
  const rerun = { fromStep: 2, toStep: 4, start, model, withModel: true };
  bench.executor.offer(await sampleRerun(rerun, { changes: [CHANGE], build: "scripted-1" }));
  expect(bench.executor.running()).toMatchObject([{ step: 2 }]);
  await settle(bench);
  expect(bench.last()).toMatchObject({
    endSha256: sha256(stateAt(4, DATASET)),
    onnxSha256: sha256(`onnx step=6 ${DATASET}`),
    weightsSha256: sha256(`weights step=6 ${DATASET}`),
  });
  expect(bench.last()).not.toHaveProperty("distance");
  expect(bench.driver.jobs[0]).toMatchObject({ changes: [{ id: CHANGE.changeId, step: 1, batchSize: 1 }] });
});

test("[NJ13] the model of the checkpoint where the interval ends is made of the one named too", async () => {
  await using bench = await setup();
  const [start, model] = [await storedAt(2), await storedAt(4)];
  bench.executor.offer(await sampleRerun({ fromStep: 2, toStep: 4, start, model, withModel: true }));
  await settle(bench);
  expect(bench.last()).toMatchObject({ onnxSha256: sha256(`onnx step=4 ${DATASET}`) });
  expect(bench.driver.jobs[0]?.replay).toMatchObject({ toStep: 4, modelFrom: expect.any(String) });
});

test("[NJ13] across classes the distance to the claimed end is reported", async () => {
  await using bench = await setup();
  bench.executor.offer(await sampleRerun({ claim: await storedAt(2) }));
  await settle(bench);
  expect(bench.last()).toMatchObject({ kind: "rerun", distance: 0.25 });
});

test("progress of a re-run is a sign of life", async () => {
  await using bench = await setup();
  bench.executor.offer(await sampleRerun());
  await settle(bench);
  expect(bench.reports).toContainEqual(expect.objectContaining({ kind: "progress", totalSteps: 6 }));
});

test("[NJ13] a training that fails by the job's own fault is a finding, with code and step", async () => {
  await using bench = await setup({ script: { nanAt: 2 } });
  bench.executor.offer(await sampleRerun({ toStep: 3, expectsFailure: true }));
  await settle(bench);
  const failure = { code: "backend/loss-not-finite", step: 2 };
  expect(bench.last()).toMatchObject({ kind: "rerun", initialSha256: INITIAL_SHA256, failure, ...COMPUTED_WITH });
  expect(bench.last()).not.toHaveProperty("endSha256");
});

test("[NJ13] so is a job that fails before its first step", async () => {
  await using bench = await setup({ script: { failsAtOnce: "job" } });
  bench.executor.offer(await sampleRerun({ toStep: 0, expectsFailure: true }));
  await settle(bench);
  expect(bench.last()).toMatchObject({ kind: "rerun", failure: { code: "backend/dataset-unfit", step: 0 } });
  expect(bench.last()).not.toHaveProperty("initialSha256");
});

test("[NJ13] and one whose dataset is not what its user described", async () => {
  await using bench = await setup({ script: { totalSteps: 7 } });
  bench.executor.offer(await sampleRerun());
  await settle(bench);
  expect(bench.last()).toMatchObject({ kind: "rerun", failure: { code: NODE_ERRORS.STEPS_MISMATCH.code, step: 0 } });
});

test.each([
  ["node", "backend/memory-exceeded", { script: { memoryAt: 1 } }],
  ["node", "backend/dataset-unfit", { script: { failsAtOnce: "node" as const } }],
  ["node", NODE_ERRORS.TRAINER_SILENT.code, { script: { silentAt: 1 } }],
  ["node", NODE_ERRORS.LOWERING_UNSUPPORTED.code, { script: { lowering: "other" } }],
  ["server", NODE_ERRORS.OBJECT_MISMATCH.code, { dataset: "tiny dataSET" }],
])("[NJ5] a re-run that fails by the %s's fault finds nothing (%s)", async (blame, code, options) => {
  await using bench = await setup(options);
  bench.executor.offer(await sampleRerun());
  await settle(bench);
  expect(bench.last()).toMatchObject({ kind: "failed", blame, code });
  expect(bench.executor.counts()).toMatchObject({ verified: 0, failed: 1 });
});

test("a re-run that is cancelled or drained ends at once, without a model", async () => {
  for (const [kind, expected] of [
    ["cancel", { kind: "cancelled", step: 1 }],
    ["drain", { kind: "failed", blame: "node", code: NODE_ERRORS.NODE_DRAINING.code, step: 1 }],
  ] as const) {
    await using bench = await setup({ script: { pauseAt: 2 } });
    const assignment = await sampleRerun();
    bench.executor.offer(assignment);
    await until(() => bench.executor.running()[0]?.step === 1);
    if (kind === "cancel") bench.executor.cancel(assignment, { reason: "test", keepModel: true });
    else void bench.executor.drain();
    await settle(bench);
    expect(bench.last()).toMatchObject(expected);
    expect(bench.last()).not.toHaveProperty("onnx");
  }
});

test("a change for a re-run is let pass with a log line", async () => {
  await using bench = await setup({ script: { pauseAt: 2 } });
  const assignment = await sampleRerun();
  bench.executor.offer(assignment);
  await until(() => bench.executor.running()[0]?.step === 1);
  bench.executor.change(assignment, CHANGE);
  bench.driver.go();
  await settle(bench);
  expect(bench.logger.lines.some(({ message }) => message === "a change for a re-run is let pass")).toBe(true);
  expect(bench.last()?.kind).toBe("rerun");
});

const at = (step: number): StoredCheckpoint => ({ step, cid: "b" as never, sha256: "", sizeBytes: 1 });
const MISFITS: readonly (readonly [string, Partial<RerunTask>])[] = [
  ["rerun.to_step", { toStep: 0 }],
  ["rerun.to_step", { toStep: 7 }],
  ["rerun.start.step", { fromStep: 1 }],
  ["rerun.start.step", { fromStep: 1, start: at(0) }],
  ["rerun.claim.step", { claim: at(1) }],
  ["rerun.model", { model: at(2) }],
];
test.each(MISFITS)("[NJ1] a re-run whose %s does not fit is declined by field", async (field, rerun) => {
  await using bench = await setup();
  bench.executor.offer(await sampleRerun(rerun));
  bench.pump();
  const { code } = NODE_ERRORS.ASSIGNMENT_MALFORMED;
  const message = expect.stringContaining(`the assignment's ${field} is`);
  expect(bench.last()).toMatchObject({ kind: "declined", code, message });
});

test("[NJ1] a re-run with an object that is too large, or for another build, is declined", async () => {
  await using bench = await setup();
  bench.executor.offer(await sampleRerun({ claim: { ...at(2), sizeBytes: 1_001 } }));
  bench.executor.offer(await sampleRerun({}, { build: "scripted-2" }));
  bench.pump();
  expect(bench.reports).toMatchObject([
    { kind: "declined", code: NODE_ERRORS.OBJECT_TOO_LARGE.code },
    { kind: "declined", code: NODE_ERRORS.BUILD_MISMATCH.code },
  ]);
});
