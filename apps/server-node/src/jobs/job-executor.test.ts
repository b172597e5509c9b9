import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type AssignmentId, type UnitId } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { kindsOf, settle, setup } from "../../test/executor-bench.ts";
import { cidOf, DATASET, sampleAssignment, UNIT_ID } from "../../test/sample-assignment.ts";
import { sha256 } from "../../test/scripted-driver.ts";
import { until } from "../../test/temp-folder.ts";
import type { NodeReport, TrainAssignment } from "../central/messages.ts";
import { NODE_ERRORS } from "../errors.ts";
import { failureOf, publicMessage } from "./failure-blame.ts";

test("an assignment is accepted, trained, its checkpoints and model stored, and its files removed", async () => {
  await using bench = await setup();
  const assignment = await sampleAssignment();
  bench.executor.offer(assignment);
  await settle(bench);
  expect(kindsOf(bench.reports)).toEqual(["accepted", "checkpoint 2", "checkpoint 4", "checkpoint 6", "result"]);
  const cid = await cidOf(`onnx step=6 ${DATASET}`);
  expect(bench.last()).toMatchObject({
    kind: "result",
    step: 6,
    fencingToken: assignment.fencingToken,
    onnx: { cid },
    build: "scripted-1",
  });
  expect(bench.driver.jobs[0]).toMatchObject({ seed: "18446744073709551615", threads: 2, checkpointEverySteps: 2 });
  expect(bench.driver.options[0]).toMatchObject({ memoryBytes: 1_000, priority: "low" });
  expect(await readdir(join(bench.dataDir, "work"))).toEqual([]);
  expect(bench.pool.units()[0]?.usedThreads).toBe(0);
  expect(bench.executor.counts()).toEqual({ completed: 1, verified: 0, failed: 0, cancelled: 0 });
});

test("[NR8] an assignment stays listed until its last report is answered", async () => {
  await using bench = await setup();
  bench.executor.offer(await sampleAssignment());
  await until(() => bench.outbox.take(100).some(({ report }) => report.kind === "result"));
  expect(bench.executor.running()).toMatchObject([{ step: 6 }]);
  expect(bench.pool.units()[0]?.usedThreads).toBe(0);
  bench.outbox.restart();
  await settle(bench);
  expect(bench.last()?.kind).toBe("result");
});

test("being offered the same assignment twice starts nothing twice", async () => {
  await using bench = await setup({ script: { pauseAt: 3 } });
  const assignment = await sampleAssignment();
  bench.executor.offer(assignment);
  bench.executor.offer(assignment);
  await until(() => bench.driver.jobs.length > 0);
  bench.driver.go();
  await settle(bench);
  expect(bench.driver.jobs).toHaveLength(1);
  expect(kindsOf(bench.reports).filter((kind) => kind === "accepted")).toHaveLength(2);
});

const DECLINED: readonly (readonly [string, Partial<TrainAssignment>])[] = [
  [NODE_ERRORS.LOWERING_UNSUPPORTED.code, { lowering: "loop-99" }],
  [NODE_ERRORS.UNIT_UNKNOWN.code, { unitId: "unit_gpu7_zzzzzz" as UnitId }],
  [NODE_ERRORS.UNIT_FULL.code, { memoryBytes: 2_000_000 }],
  [NODE_ERRORS.UNIT_FULL.code, { threads: 5 }],
  [NODE_ERRORS.BUILD_MISMATCH.code, { build: "scripted-2" }],
  [NODE_ERRORS.ASSIGNMENT_MALFORMED.code, { resume: { step: 7, cid: "b" as never, sha256: "", sizeBytes: 1 } }],
  [NODE_ERRORS.OBJECT_TOO_LARGE.code, { dataset: { cid: "b" as never, sizeBytes: 1_001 } }],
];
test.each(DECLINED)("[NJ1] work that this node cannot do is declined with %s", async (code, changes) => {
  await using bench = await setup();
  bench.executor.offer(await sampleAssignment(changes));
  bench.pump();
  expect(bench.last()).toMatchObject({ kind: "declined", code });
  expect(bench.executor.running()).toEqual([]);
});

test("[NJ10] work that is pinned to this node's build is taken", async () => {
  await using bench = await setup();
  bench.executor.offer(await sampleAssignment({ build: "scripted-1" }));
  await settle(bench);
  expect(bench.last()?.kind).toBe("result");
});

test("[NJ10] work that is pinned to another build is declined, with both builds", async () => {
  await using bench = await setup();
  bench.executor.offer(await sampleAssignment({ build: "scripted-2" }));
  bench.pump();
  expect(bench.last()).toMatchObject({ message: expect.stringMatching(/scripted-2.*scripted-1/) });
});

test("a paused unit declines, and so does a node that is being stopped", async () => {
  await using bench = await setup();
  bench.pool.raise(UNIT_ID, "paused", "owner");
  bench.executor.offer(await sampleAssignment());
  bench.pump();
  expect(bench.last()).toMatchObject({ kind: "declined", code: NODE_ERRORS.UNIT_NOT_READY.code });
  await bench.executor.drain();
  bench.executor.offer(await sampleAssignment());
  bench.pump();
  expect(bench.last()).toMatchObject({ kind: "declined", code: NODE_ERRORS.NODE_DRAINING.code });
});

test("[NJ6] a cancel keeps the model where asked, after a last checkpoint", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const assignment = await sampleAssignment();
  bench.executor.offer(assignment);
  await until(() => bench.executor.running()[0]?.step === 3);
  bench.executor.cancel(assignment, { reason: "user", keepModel: true });
  await settle(bench);
  expect(kindsOf(bench.reports)).toEqual(["accepted", "checkpoint 2", "checkpoint 3", "cancelled"]);
  expect(bench.last()).toMatchObject({ step: 3, onnx: { cid: await cidOf(`onnx step=3 ${DATASET}`) } });
});

test("a cancel that does not keep the model stores none; one for unknown work is answered", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const assignment = await sampleAssignment();
  const other = { assignmentId: "55555555-5555-4555-8555-555555555555" as AssignmentId, fencingToken: 9n };
  bench.executor.cancel(other, { reason: "late", keepModel: true });
  bench.executor.offer(assignment);
  bench.executor.cancel({ ...assignment, fencingToken: 1n }, { reason: "older lease", keepModel: false });
  await until(() => bench.executor.running()[0]?.step === 3);
  bench.executor.cancelJob(assignment.jobId);
  await settle(bench);
  expect(bench.reports[0]).toMatchObject({ kind: "cancelled", ...other, step: 0 });
  expect(bench.last()).toMatchObject({ kind: "cancelled", step: 3 });
  expect(bench.last()).not.toHaveProperty("onnx");
});

test("[NJ9] an offer for a device that is being released waits for it instead of being declined", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const first = await sampleAssignment({ threads: 0, memoryBytes: 0 });
  const second = { ...first, assignmentId: "66666666-6666-4666-8666-666666666666" as AssignmentId, fencingToken: 8n };
  bench.executor.offer(first);
  await until(() => bench.executor.running()[0]?.step === 3);
  bench.executor.cancel(first, { reason: "user", keepModel: false });
  bench.executor.offer(second);
  const answers = (): NodeReport[] => bench.reports.filter(({ kind }) => kind === "accepted" || kind === "cancelled");
  await until(() => {
    bench.pump();
    return answers().length === 3;
  });
  expect(answers().map(({ kind, assignmentId }) => [kind, assignmentId])).toEqual([
    ["accepted", first.assignmentId],
    ["cancelled", first.assignmentId],
    ["accepted", second.assignmentId],
  ]);
});

test("[NJ9] an offer for a device whose work goes on is declined at once", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  const full = { threads: 0, memoryBytes: 0 };
  bench.executor.offer(await sampleAssignment(full));
  bench.pump();
  const waits = await sampleAssignment({
    ...full,
    assignmentId: "66666666-6666-4666-8666-666666666666" as AssignmentId,
  });
  bench.executor.offer(waits);
  bench.pump();
  expect(bench.last()).toMatchObject({ kind: "declined", code: NODE_ERRORS.UNIT_FULL.code });
});

test("a failure tells strangers neither folders nor control characters", async () => {
  const path = "/home/owner/cyxwiz/cache/bafkreiabc is not a file\u0000\u001b[31m";
  expect(publicMessage(path)).toBe("bafkreiabc is not a file\ufffd\ufffd[31m");
  expect(publicMessage("C:\\Users\\owner\\x.bin: cut off")).toBe("x.bin: cut off");
  expect(publicMessage("a loss of 1/2 and/or NaN")).toBe("a loss of 1/2 and/or NaN");
});

test("a failure outside the trainer tells no folders either, and the server's routes stay readable", () => {
  const error = new TypeError("ENOENT: no such file, open '/home/owner/cyxwiz/work/model.onnx'");
  expect(failureOf(error).message).toBe("ENOENT: no such file, open 'model.onnx'");
  const where = "http://127.0.0.1:4000/api/objects/bafk";
  const away = new AppError(NODE_ERRORS.CENTRAL_UNREACHABLE, { where, problem: "ECONNREFUSED" });
  expect(failureOf(away).message).toContain(where);
});

test("a loss that is no number is the job's fault", async () => {
  await using bench = await setup({ script: { nanAt: 4 } });
  bench.executor.offer(await sampleAssignment());
  await settle(bench);
  expect(bench.last()).toMatchObject({ kind: "failed", blame: "job", code: "backend/loss-not-finite", step: 4 });
  expect(bench.executor.counts().failed).toBe(1);
});

const FAILURES: readonly (readonly [string, string, Parameters<typeof setup>[0]])[] = [
  ["server", NODE_ERRORS.OBJECT_MISMATCH.code, { dataset: "tiny dataSET" }],
  [
    "server",
    NODE_ERRORS.CENTRAL_REFUSED.code,
    { dataset: new AppError(NODE_ERRORS.CENTRAL_REFUSED, { where: "/", status: 404, reason: "r", problem: "p" }) },
  ],
  [
    "unknown",
    NODE_ERRORS.CENTRAL_UNREACHABLE.code,
    { dataset: new AppError(NODE_ERRORS.CENTRAL_UNREACHABLE, { where: "/", problem: "p" }) },
  ],
  ["job", NODE_ERRORS.STEPS_MISMATCH.code, { script: { totalSteps: 7 } }],
  ["node", NODE_ERRORS.LOWERING_UNSUPPORTED.code, { script: { lowering: "other" } }],
  ["node", NODE_ERRORS.TRAINER_SILENT.code, { script: { silentAt: 1 } }],
  ["server", NODE_ERRORS.CHECKPOINT_MISMATCH.code, { script: { hasWrongHash: true } }],
  ["node", "node/internal", { upload: () => Promise.reject(new TypeError("disk")) }],
];
test.each(FAILURES)(
  "[NJ5] a failure that is the %s's to answer for is reported as such (%s)",
  async (blame, code, options) => {
    await using bench = await setup(options);
    bench.executor.offer(await sampleAssignment());
    await settle(bench);
    expect(bench.last()).toMatchObject({ kind: "failed", blame, code });
    expect(await readdir(join(bench.dataDir, "work"))).toEqual([]);
  },
);

test("a server that is away for too long ends the work: checkpoints are never dropped silently", async () => {
  await using bench = await setup();
  const lease = { assignmentId: "66666666-6666-4666-8666-666666666666" as AssignmentId, fencingToken: 1n };
  while (
    bench.outbox.push({
      kind: "checkpoint",
      ...lease,
      step: 1,
      cid: "b" as never,
      sha256: sha256(""),
      sizeBytes: 1,
      initialSha256: sha256(""),
    })
  );
  bench.executor.offer(await sampleAssignment());
  await until(() => bench.pool.units()[0]?.usedThreads === 0);
  await until(() => bench.executor.counts().failed === 1);
  while (bench.executor.running().length > 0) {
    bench.pump();
    await until(() => true);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect(bench.last()).toMatchObject({ kind: "failed", code: NODE_ERRORS.REPORTS_EXCEEDED.code });
});

test("[NR9] a refused report drops the assignment without another word", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  bench.executor.offer(await sampleAssignment());
  await until(() => bench.executor.running()[0]?.step === 3);
  const [first] = bench.outbox.take(1);
  expect(first?.report.kind).toBe("accepted");
  if (first)
    bench.executor.refused(first.report, { sequence: first.sequence, code: "central/lease-lost", message: "" });
  await settle(bench);
  expect(bench.reports).toEqual([]);
});

test("[NJ7] a node that is stopped checkpoints, reports, and then is done", async () => {
  await using bench = await setup({ script: { pauseAt: 4 } });
  bench.executor.offer(await sampleAssignment());
  await until(() => bench.executor.running()[0]?.step === 3);
  const drained = bench.executor.drain();
  await settle(bench);
  await drained;
  expect(kindsOf(bench.reports)).toEqual(["accepted", "checkpoint 2", "checkpoint 3", "failed"]);
  expect(bench.last()).toMatchObject({ blame: "node", code: NODE_ERRORS.NODE_DRAINING.code, step: 3 });
});
