import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { AssignmentKind, TaskAssignmentSchema } from "@cyxwiz/protocol";
import { expect, test } from "vitest";
import { ASSIGNMENT_ID, cidOf, JOB_ID, sampleAssignment, sampleRerun, UNIT_ID } from "../../test/sample-assignment.ts";
import { wireAssignment } from "../../test/wire-form.ts";
import { NODE_ERRORS } from "../errors.ts";
import { LIVE_CHANGES } from "../limits.ts";
import type { Assignment, LiveChange, StoredCheckpoint } from "./messages.ts";
import { readAssignment } from "./wire-assignment.ts";

const CHANGE_ID = "88888888-8888-4888-8888-888888888888";
const CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
const HASH = "0f".repeat(32);

async function read(
  changes: MessageInitShape<typeof TaskAssignmentSchema>,
): Promise<ReturnType<typeof readAssignment>> {
  const cid = await cidOf("x");
  const whole = {
    assignmentId: ASSIGNMENT_ID,
    jobId: JOB_ID,
    unitId: UNIT_ID,
    kind: AssignmentKind.TRAIN,
    fencingToken: 2n ** 62n,
    dataset: { cid, sizeBytes: 10n },
    settings: { batchSize: 2, epochs: 1 },
    seed: "18446744073709551615",
    totalSteps: 5n,
  };
  return readAssignment(create(TaskAssignmentSchema, { ...whole, ...changes } as never));
}

test("[NR7] seeds stay text and fencing tokens whole, however large", async () => {
  const message = await read({});
  expect(message).toMatchObject({
    kind: "assignment",
    assignment: { seed: "18446744073709551615", fencingToken: 2n ** 62n },
  });
});

const MALFORMED: readonly (readonly [string, MessageInitShape<typeof TaskAssignmentSchema>])[] = [
  ["seed", { seed: "18446744073709551616" }],
  ["seed", { seed: "-1" }],
  ["kind", { kind: AssignmentKind.UNKNOWN }],
  ["total_steps", { totalSteps: 2n ** 60n }],
  ["settings.batch_size", { settings: { batchSize: 0, epochs: 1 } }],
  ["memory_bytes", { memoryBytes: -1n }],
  ["chain_head", { chainHead: "head" }],
  ["chain_head", { resume: { step: 2n, cid: CID, sha256: HASH, sizeBytes: 1n } }],
  ["resume.sha256", { resume: { step: 2n, cid: CID, sha256: "", sizeBytes: 1n }, chainHead: HASH }],
  ["rerun", { kind: AssignmentKind.VERIFY }],
  ["threads", { kind: AssignmentKind.VERIFY, rerun: {}, threads: 0 }],
  ["rerun.from_step", { kind: AssignmentKind.VERIFY, rerun: { fromStep: -1n } }],
  ["rerun.claim.sha256", { kind: AssignmentKind.VERIFY, rerun: { claim: { cid: CID } } }],
  ["changes[1].change_id", { changes: [{ changeId: CHANGE_ID }, { changeId: "x" }] }],
  ["changes[0].step", { changes: [{ changeId: CHANGE_ID, step: -1n }] }],
  ["changes[0].learning_rate", { changes: [{ changeId: CHANGE_ID, learningRate: Number.NaN }] }],
  ["changes[0].batch_size", { changes: [{ changeId: CHANGE_ID, batchSize: 0 }] }],
  ["changes", { changes: Array.from({ length: LIVE_CHANGES + 1 }, () => ({ changeId: CHANGE_ID })) }],
];
test.each(MALFORMED)(
  "an assignment whose %s is wrong is declined with field, value and what is allowed",
  async (field, changes) => {
    const message = await read(changes);
    expect(message).toMatchObject({
      kind: "unreadable",
      assignmentId: ASSIGNMENT_ID,
      code: NODE_ERRORS.ASSIGNMENT_MALFORMED.code,
    });
    expect(message).toMatchObject({ message: expect.stringContaining(`the assignment's ${field} is`) });
  },
);

const stored = async (step: number): Promise<StoredCheckpoint> => ({
  step,
  cid: await cidOf(`${step}`),
  sha256: HASH,
  sizeBytes: 3,
});
const CHANGES: readonly LiveChange[] = [
  { changeId: CHANGE_ID, step: 0, learningRate: 0.1, batchSize: 1, stop: false, signature: "c2ln" },
  { changeId: CHANGE_ID, stop: true, signature: "" },
];
const SETTINGS = { batchSize: 2, epochs: 2, checkpointEverySteps: 0, learningRate: 0.05 };
const WHOLE: readonly (readonly [string, () => Promise<Assignment>])[] = [
  ["a training", () => sampleAssignment()],
  [
    "a training that goes on",
    async () => {
      const pinned = { build: "b", settings: SETTINGS, changes: CHANGES };
      return sampleAssignment({ ...pinned, resume: await stored(4), chainHead: HASH });
    },
  ],
  ["a re-run", () => sampleRerun({}, { build: "b" })],
  [
    "a re-run across classes",
    async () => {
      const given = { start: await stored(2), model: await stored(6), claim: await stored(4) };
      const task = { fromStep: 2, toStep: 4, withModel: true, expectsFailure: true, ...given };
      return sampleRerun(task, { changes: CHANGES });
    },
  ],
];
test.each(WHOLE)("%s is read as it was written, whole", async (_what, sample) => {
  const assignment = await sample();
  const wire = create(TaskAssignmentSchema, wireAssignment(assignment));
  const bytes = toBinary(TaskAssignmentSchema, wire);
  expect(readAssignment(fromBinary(TaskAssignmentSchema, bytes))).toEqual({ kind: "assignment", assignment });
});

test("a malformed unit id is declined with the code of ids", async () => {
  expect(await read({ unitId: "gpu0" })).toMatchObject({ kind: "unreadable", code: "primitives/id-malformed" });
});
