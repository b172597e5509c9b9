import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ServerTaskMessageSchema } from "@cyxwiz/protocol";
import { expect, test } from "vitest";
import { ASSIGNMENT_ID, sampleRerun, UNIT_ID } from "../../test/sample-assignment.ts";
import { wireAssignment, wireChange } from "../../test/wire-form.ts";
import type { LiveChange, ServerMessage } from "./messages.ts";
import { readServerMessage } from "./wire-message.ts";

const LEASE = { assignmentId: ASSIGNMENT_ID, fencingToken: 2n ** 62n };
const CHANGE: LiveChange = {
  changeId: "88888888-8888-4888-8888-888888888888",
  learningRate: 0.1,
  batchSize: 4,
  stop: true,
  signature: "c2ln",
};

/** What the node reads after a message has crossed the wire. */
function read(message: MessageInitShape<typeof ServerTaskMessageSchema>["message"]): ServerMessage | undefined {
  const wire = create(ServerTaskMessageSchema, { message } as never);
  return readServerMessage(fromBinary(ServerTaskMessageSchema, toBinary(ServerTaskMessageSchema, wire)));
}

test("welcome, cancel, answer and drain are read whole", () => {
  expect(read({ case: "welcome", value: { leaseSeconds: 30 } })).toEqual({ kind: "welcome", leaseSeconds: 30 });
  const cancel = { ...LEASE, reason: "user", keepModel: true };
  expect(read({ case: "cancel", value: cancel })).toEqual({ kind: "cancel", ...cancel });
  const answer = { sequence: 7n, accepted: false, code: "c", message: "m" };
  expect(read({ case: "answer", value: answer })).toEqual({ kind: "answer", ...answer });
  const drain = { reason: "update", reconnectAfterMs: 9 };
  expect(read({ case: "drain", value: drain })).toEqual({ kind: "drain", ...drain });
});

test("an assignment is read by its own rules", async () => {
  const assignment = await sampleRerun();
  expect(read({ case: "assignment", value: wireAssignment(assignment) })).toEqual({ kind: "assignment", assignment });
});

test("a change is read whole, and one that asks for little stays little", () => {
  expect(read({ case: "change", value: { ...LEASE, change: wireChange(CHANGE) } })).toEqual({
    kind: "change",
    ...LEASE,
    change: CHANGE,
  });
  const { learningRate: _, batchSize: __, ...stop } = CHANGE;
  expect(read({ case: "change", value: { ...LEASE, change: wireChange(stop) } })).toMatchObject({ change: stop });
});

test.each([
  ["no change", undefined],
  ["a malformed id", { ...wireChange(CHANGE), changeId: "one" }],
  ["a rate of nothing", { ...wireChange(CHANGE), learningRate: 0 }],
])("a change with %s is let pass with the reason", (_what, change) => {
  const read_ = read({ case: "change", value: change ? { ...LEASE, change } : LEASE });
  expect(read_).toMatchObject({ kind: "ignored", what: "a change", problem: expect.stringContaining("change") });
});

test("a calibration task is read whole", () => {
  const task = { challengeId: "c", unitId: UNIT_ID, seed: "5", secondsAtMost: 9, signature: "s" };
  const rounds = [{ size: 64, products: 3 }];
  expect(read({ case: "calibration", value: { ...task, rounds } })).toEqual({
    kind: "calibration",
    task: { ...task, rounds },
  });
});

test("a message of a newer server is let pass", () => {
  expect(read({ case: undefined })).toBeUndefined();
});
