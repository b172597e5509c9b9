import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { NodeTaskMessageSchema } from "@cyxwiz/protocol";
import { expect, test } from "vitest";
import { ASSIGNMENT_ID } from "../../test/sample-assignment.ts";
import type { NodeReport, ReportBody } from "./messages.ts";
import { toWireMessage } from "./wire-report.ts";

const LEASE = { assignmentId: ASSIGNMENT_ID, fencingToken: 2n ** 62n };
const ARTIFACT = { cid: "bafk" as never, sha256: "5a", sizeBytes: 3 };
const WIRE_ARTIFACT = { cid: "bafk", sha256: "5a", sizeBytes: 3n };
const COMPUTED_WITH = { lowering: "l", build: "b", hardwareClass: "h" };
const PROGRESS = { epoch: 1, loss: 0.5, samplesPerSecond: 9, secondsLeft: 8, elapsedSeconds: 7 };

const REPORTS: readonly (readonly [string, ReportBody, object])[] = [
  ["accepted", { kind: "accepted" }, {}],
  ["declined", { kind: "declined", code: "c", message: "m" }, { code: "c", message: "m" }],
  ["progress", { kind: "progress", ...PROGRESS, step: 1, totalSteps: 2 }, { ...PROGRESS, step: 1n, totalSteps: 2n }],
  [
    "checkpoint",
    { kind: "checkpoint", step: 2, initialSha256: "1a", ...ARTIFACT },
    { step: 2n, initialSha256: "1a", ...WIRE_ARTIFACT },
  ],
  ["changeApplied", { kind: "changed", changeId: "id", step: 2 }, { changeId: "id", step: 2n }],
  [
    "result",
    {
      kind: "result",
      step: 6,
      metrics: { test_loss: 0.5 },
      seconds: 1.5,
      chainRoot: "2b",
      initialSha256: "1a",
      onnx: ARTIFACT,
      weights: ARTIFACT,
      ...COMPUTED_WITH,
    },
    {
      step: 6n,
      metrics: { test_loss: 0.5 },
      seconds: 1.5,
      chainRoot: "2b",
      initialSha256: "1a",
      onnx: WIRE_ARTIFACT,
      weights: WIRE_ARTIFACT,
      ...COMPUTED_WITH,
    },
  ],
  [
    "rerun",
    {
      kind: "rerun",
      initialSha256: "1a",
      endSha256: "3c",
      onnxSha256: "4d",
      weightsSha256: "5e",
      distance: 0,
      seconds: 2,
      ...COMPUTED_WITH,
    },
    {
      initialSha256: "1a",
      endSha256: "3c",
      onnxSha256: "4d",
      weightsSha256: "5e",
      distance: 0,
      seconds: 2,
      failureCode: "",
      failureStep: 0n,
      ...COMPUTED_WITH,
    },
  ],
  [
    "rerun",
    { kind: "rerun", failure: { code: "backend/loss-not-finite", step: 4 }, seconds: 2, ...COMPUTED_WITH },
    { endSha256: "", initialSha256: "", failureCode: "backend/loss-not-finite", failureStep: 4n, ...COMPUTED_WITH },
  ],
  ["failed", { kind: "failed", blame: "server", code: "c", message: "m", step: 1 }, { blame: 3, code: "c", step: 1n }],
  ["cancelled", { kind: "cancelled", step: 3, onnx: ARTIFACT }, { step: 3n, onnx: WIRE_ARTIFACT }],
];
test.each(REPORTS)("[NR7] a report crosses the wire as %s with every field", (name, body, fields) => {
  const report: NodeReport = { ...body, ...LEASE };
  const wire = create(NodeTaskMessageSchema, toWireMessage({ kind: "report", sequence: 5n, report }));
  const { sequence, message } = fromBinary(NodeTaskMessageSchema, toBinary(NodeTaskMessageSchema, wire));
  expect(sequence).toBe(5n);
  expect(message.case).toBe(name);
  expect(message.value).toMatchObject({ ...LEASE, ...fields });
});

test("a distance that was not measured is absent, not zero", () => {
  const report: NodeReport = { kind: "rerun", seconds: 2, ...COMPUTED_WITH, ...LEASE };
  const { message } = create(NodeTaskMessageSchema, toWireMessage({ kind: "report", sequence: 5n, report }));
  expect(message.value).not.toHaveProperty("distance");
});
