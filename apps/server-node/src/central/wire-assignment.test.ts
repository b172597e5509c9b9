import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { AssignmentKind, TaskAssignmentSchema } from "@cyxwiz/protocol";
import { expect, test } from "vitest";
import { ASSIGNMENT_ID, cidOf, JOB_ID, UNIT_ID } from "../../test/sample-assignment.ts";
import { NODE_ERRORS } from "../errors.ts";
import { readAssignment } from "./wire-assignment.ts";

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

test.each([
  ["seed", { seed: "18446744073709551616" }],
  ["seed", { seed: "-1" }],
  ["kind", { kind: AssignmentKind.UNKNOWN }],
  ["total_steps", { totalSteps: 2n ** 60n }],
  ["settings.batch_size", { settings: { batchSize: 0, epochs: 1 } }],
  ["memory_bytes", { memoryBytes: -1n }],
])("an assignment whose %s is wrong is declined with field, value and what is allowed", async (field, changes) => {
  const message = await read(changes);
  expect(message).toMatchObject({
    kind: "unreadable",
    assignmentId: ASSIGNMENT_ID,
    code: NODE_ERRORS.ASSIGNMENT_MALFORMED.code,
  });
  expect(message).toMatchObject({ message: expect.stringContaining(`the assignment's ${field} is`) });
});

test("a malformed unit id is declined with the code of ids", async () => {
  expect(await read({ unitId: "gpu0" })).toMatchObject({ kind: "unreadable", code: "primitives/id-malformed" });
});
