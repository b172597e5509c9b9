/** The node's messages → their wire form (market.proto), as plain objects that the client encodes. Pure. */
import { Blame as WireBlame, type RpcClients } from "@cyxwiz/protocol";
import type { Artifact, Blame, NodeMessage, NodeReport, RunningAssignment } from "./messages.ts";

type Outgoing = Parameters<RpcClients["nodes"]["streamTasks"]>[0];
/** A `NodeTaskMessage` before encoding. */
export type WireNodeMessage = Outgoing extends AsyncIterable<infer M> ? M : never;
type WireBody = NonNullable<WireNodeMessage["message"]>;

const WIRE_BLAME: Readonly<Record<Blame, WireBlame>> = {
  job: WireBlame.JOB,
  node: WireBlame.NODE,
  server: WireBlame.SERVER,
  unknown: WireBlame.UNKNOWN,
};

export function toWireMessage(message: NodeMessage): WireNodeMessage {
  if (message.kind === "report") return { sequence: message.sequence, message: toWireReport(message.report) };
  // Sequence 0: no report of an assignment, so nothing waits for an answer.
  if (message.kind === "calibration") {
    const { results, ...answer } = message.answer;
    return { sequence: 0n, message: { case: "calibration", value: { ...answer, results: [...results] } } };
  }
  const { running, lowerings, ...hello } = message.hello;
  const value = { ...hello, lowerings: [...lowerings], running: running.map(toWireRunning) };
  return { sequence: 0n, message: { case: "hello", value } };
}

export function toWireRunning(running: RunningAssignment): {
  assignmentId: string;
  jobId: string;
  fencingToken: bigint;
  step: bigint;
} {
  const { assignmentId, jobId, fencingToken, step } = running;
  return { assignmentId, jobId, fencingToken, step: BigInt(step) };
}

function toWireReport(report: NodeReport): WireBody {
  switch (report.kind) {
    case "accepted": {
      const { kind, ...value } = report;
      return { case: kind, value };
    }
    case "declined": {
      const { kind, ...value } = report;
      return { case: kind, value };
    }
    case "progress": {
      const { kind, step, totalSteps, ...value } = report;
      return { case: kind, value: { ...value, step: BigInt(step), totalSteps: BigInt(totalSteps) } };
    }
    case "checkpoint": {
      const { kind, step, sizeBytes, ...value } = report;
      return { case: kind, value: { ...value, step: BigInt(step), sizeBytes: BigInt(sizeBytes) } };
    }
    case "changed": {
      const { kind: _, step, ...value } = report;
      return { case: "changeApplied", value: { ...value, step: BigInt(step) } };
    }
    case "rerun": {
      const { kind, failure, ...value } = report;
      const failed = failure ? { failureCode: failure.code, failureStep: BigInt(failure.step) } : {};
      return { case: kind, value: { ...value, ...failed } };
    }
    case "result": {
      const { kind, step, onnx, weights, metrics, ...value } = report;
      const model = { onnx: wireArtifact(onnx), weights: wireArtifact(weights) };
      return { case: kind, value: { ...value, ...model, metrics: { ...metrics }, step: BigInt(step) } };
    }
    case "failed": {
      const { kind, step, blame, ...value } = report;
      return { case: kind, value: { ...value, step: BigInt(step), blame: WIRE_BLAME[blame] } };
    }
    case "cancelled": {
      const { kind, step, onnx, weights, ...value } = report;
      const model = { ...(onnx && { onnx: wireArtifact(onnx) }), ...(weights && { weights: wireArtifact(weights) }) };
      return { case: kind, value: { ...value, ...model, step: BigInt(step) } };
    }
  }
}

function wireArtifact(artifact: Artifact): { cid: string; sha256: string; sizeBytes: bigint } {
  return { ...artifact, sizeBytes: BigInt(artifact.sizeBytes) };
}
