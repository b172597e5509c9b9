import type { AssignmentId } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { ASSIGNMENT_ID } from "../../test/sample-assignment.ts";
import { WAITING_REPORTS } from "../limits.ts";
import type { NodeReport } from "./messages.ts";
import { ReportOutbox } from "./report-outbox.ts";

const LEASE = { assignmentId: ASSIGNMENT_ID, fencingToken: 1n };
const ACCEPTED: NodeReport = { kind: "accepted", ...LEASE };

function progress(step: number, assignmentId: AssignmentId = ASSIGNMENT_ID): NodeReport {
  const figures = { totalSteps: 9, epoch: 1, loss: 1, samplesPerSecond: 1, secondsLeft: 1, elapsedSeconds: 1 };
  return { kind: "progress", ...LEASE, assignmentId, step, ...figures };
}

function checkpoint(step: number): NodeReport {
  return { kind: "checkpoint", ...LEASE, step, cid: "b" as never, sha256: "", sizeBytes: 1, initialSha256: "" };
}

function stepsOf(taken: ReturnType<ReportOutbox["take"]>): readonly unknown[] {
  return taken.map(({ report }) => ("step" in report ? `${report.kind} ${report.step}` : report.kind));
}

test("[NR1] reports are numbered from 1 and kept until they are answered", () => {
  const outbox = new ReportOutbox();
  outbox.push(ACCEPTED);
  outbox.push(checkpoint(2));
  expect(outbox.take(10).map(({ sequence }) => sequence)).toEqual([1n, 2n]);
  expect(outbox.take(10)).toEqual([]);
  expect(outbox.answer({ sequence: 1n, accepted: true, code: "", message: "" })).toEqual(ACCEPTED);
  expect(outbox.answer({ sequence: 1n, accepted: true, code: "", message: "" })).toBeUndefined();
  expect(outbox.size).toBe(1);
});

test("an answer to no sequence does not answer a report that was not sent", () => {
  const outbox = new ReportOutbox();
  outbox.push(ACCEPTED);
  expect(outbox.answer({ sequence: 0n, accepted: true, code: "", message: "" })).toBeUndefined();
  expect(outbox.size).toBe(1);
});

test("[NR2] after a reconnect everything unanswered is sent again, in order, but progress is not", () => {
  const outbox = new ReportOutbox();
  for (const report of [ACCEPTED, progress(1), checkpoint(2), checkpoint(4)]) outbox.push(report);
  outbox.take(3);
  outbox.restart();
  expect(stepsOf(outbox.take(10))).toEqual(["accepted", "checkpoint 2", "checkpoint 4"]);
});

test("[NR3] only the newest progress of an assignment waits; other reports are never dropped", () => {
  const outbox = new ReportOutbox();
  const other = "99999999-9999-4999-8999-999999999999" as AssignmentId;
  for (const report of [progress(1), checkpoint(1), progress(1, other), progress(2), progress(3)]) outbox.push(report);
  expect(stepsOf(outbox.take(10))).toEqual(["checkpoint 1", "progress 1", "progress 3"]);
});

test("progress that nobody answers does not pile up, and a late refusal still finds its report", () => {
  const outbox = new ReportOutbox();
  for (let step = 1; step <= 50; step++) {
    outbox.push(progress(step));
    outbox.take(100);
  }
  expect(outbox.size).toBeLessThanOrEqual(4);
  expect(outbox.answer({ sequence: 48n, accepted: false, code: "x", message: "" })).toMatchObject({ step: 48 });
});

test("no more than the limit is in flight at once", () => {
  const outbox = new ReportOutbox();
  for (let step = 1; step <= 5; step++) outbox.push(checkpoint(step));
  expect(outbox.take(2)).toHaveLength(2);
  expect(outbox.take(2)).toHaveLength(0);
  outbox.answer({ sequence: 1n, accepted: true, code: "", message: "" });
  expect(stepsOf(outbox.take(2))).toEqual(["checkpoint 3"]);
});

test("[NR4] a full outbox refuses checkpoints and changes, but the end of an assignment always fits", () => {
  const outbox = new ReportOutbox();
  for (let step = 0; step < WAITING_REPORTS; step++) expect(outbox.push(checkpoint(step))).toBe(true);
  expect(outbox.push(checkpoint(1))).toBe(false);
  expect(outbox.push({ kind: "changed", ...LEASE, changeId: "c", step: 1 })).toBe(false);
  expect(outbox.push({ kind: "failed", ...LEASE, blame: "node", code: "c", message: "m", step: 1 })).toBe(true);
});

test("a delivery waits for its answer over a reconnect", async () => {
  const outbox = new ReportOutbox();
  const delivered = outbox.deliver(ACCEPTED, new AbortController().signal);
  outbox.take(1);
  outbox.restart();
  outbox.take(1);
  const answer = { sequence: 1n, accepted: false, code: "x", message: "" };
  outbox.answer(answer);
  expect(await delivered).toEqual(answer);
});

test("forgetting an assignment ends its deliveries, and an abort ends one too", async () => {
  const outbox = new ReportOutbox();
  const stop = new AbortController();
  const forgotten = outbox.deliver(ACCEPTED, stop.signal);
  const answer = { sequence: 0n, accepted: false, code: "x", message: "" };
  outbox.forget(ASSIGNMENT_ID, answer);
  expect(await forgotten).toEqual(answer);
  const aborted = outbox.deliver(ACCEPTED, stop.signal);
  stop.abort();
  await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
});
