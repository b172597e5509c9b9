/**
 * NodeService.StreamTasks: a node says hello and what it still runs; the server sends assignments and answers every
 * report with its verdict. The node's key must be that of the node that it says it is.
 */
import {
  AppError,
  errorMessage,
  isAppError,
  parseAssignmentId,
  parseNodeId,
  printable,
  type NodeId,
} from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import { Blame, type Artifact, type NodeService, type NodeTaskMessage, type TaskStreamHello } from "@cyxwiz/protocol";
import type { RpcContext, ServiceHandlers } from "@cyxwiz/protocol/server";
import type { Principal } from "../accounts/principal.ts";
import type { HeartbeatService } from "../machines/heartbeat-service.ts";
import type { NodeOwners } from "../machines/node-owners.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import type { AssignmentService } from "./assignment-service.ts";
import type { ReportedArtifact } from "./artifact.ts";
import type { AttemptEnd } from "./attempt-end.ts";
import { LEASE_MS, MAX_ABILITY_TEXT, MAX_RESENDS } from "./limits.ts";
import type { AssignmentClaim, LiveAssignments } from "./live-assignments.ts";
import { taskMessage } from "./task-message.ts";
import type { TaskStream, TaskStreams } from "./task-streams.ts";
import type { Database } from "../database/open-database.ts";
import type { ChallengeService } from "../challenges/challenge-service.ts";
import type { JobChanges } from "../jobs/job-changes.ts";
import type { ReportedRerun, RerunService } from "../verification/rerun-service.ts";

export interface StreamTasksOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly streams: TaskStreams;
  readonly live: LiveAssignments;
  readonly assignments: AssignmentService;
  readonly attempts: AttemptEnd;
  readonly reruns: RerunService;
  readonly changes: JobChanges;
  readonly challenges: Pick<ChallengeService, "answered">;
  readonly owners: NodeOwners;
  readonly heartbeats: HeartbeatService;
  readonly principalOf: (context: RpcContext) => Principal;
  /** A node is reachable now. */
  readonly wakeScheduler: () => void;
}

type StreamTasks = NonNullable<ServiceHandlers<typeof NodeService>["streamTasks"]>;
type Report = Exclude<NodeTaskMessage["message"], { case: "hello" } | { case: "calibration" } | { case: undefined }>;

export function createStreamTasks(options: StreamTasksOptions): StreamTasks {
  return async function* streamTasks(requests, context) {
    const reports = requests[Symbol.asyncIterator]();
    const hello = await readHello(reports);
    const nodeId = parseNodeId(hello.nodeId);
    await options.owners.requireSpeakerFor(nodeId, options.principalOf(context));
    await options.heartbeats.beat(nodeId, "grpc", []);
    await noteAbilities(options.db, nodeId, hello);
    const stream = options.streams.open(nodeId);
    const end = (): void => options.streams.closed(stream);
    context.signal.addEventListener("abort", end, { once: true });
    try {
      const serverTime = BigInt(options.clock.now());
      stream.send({ case: "welcome", value: { leaseSeconds: LEASE_MS / 1000, serverTime } });
      await reconcile(options, stream, hello);
      void readReports(options, stream, reports);
      options.wakeScheduler();
      yield* stream.messages;
    } finally {
      context.signal.removeEventListener("abort", end);
      end();
    }
  };
}

async function readHello(reports: AsyncIterator<NodeTaskMessage>): Promise<TaskStreamHello> {
  const first = await reports.next();
  if (first.done) throw new AppError(ASSIGNMENT_ERRORS.HELLO_MISSING, { got: "nothing" });
  const { message } = first.value;
  if (message.case !== "hello") throw new AppError(ASSIGNMENT_ERRORS.HELLO_MISSING, { got: message.case ?? "empty" });
  return message.value;
}

/** What the node computes with now: work is pinned to it, and a node may have been upgraded since it registered. */
async function noteAbilities(db: Database, nodeId: NodeId, hello: TaskStreamHello): Promise<void> {
  const { build, hardwareClass, lowerings } = hello;
  if (build === "" || hardwareClass === "") return;
  await db
    .updateTable("compute_units")
    .set({
      build: printable(build).slice(0, MAX_ABILITY_TEXT),
      hardware_class: printable(hardwareClass).slice(0, MAX_ABILITY_TEXT),
      ...(lowerings[0] !== undefined && { lowering: printable(lowerings[0]).slice(0, MAX_ABILITY_TEXT) }),
    })
    .where("machine_id", "=", nodeId)
    .where("build", "is not", null)
    .execute();
}

/**
 * Brings both sides to what the database says: work that the node should not do is called off, leases of what it does
 * are extended, and what it lost (it was started again) is handed to it again from the last checkpoint.
 */
async function reconcile(options: StreamTasksOptions, stream: TaskStream, hello: TaskStreamHello): Promise<void> {
  const { db, live, attempts } = options;
  const owned = await live.ofNode(stream.nodeId);
  for (const running of hello.running) {
    const match = owned.find((one) => one.assignmentId === running.assignmentId);
    if (match?.fencingToken === running.fencingToken) {
      live.extend(match.assignmentId);
      // What was asked for while the node was away.
      for (const change of await options.changes.waiting(match)) stream.send({ case: "change", value: change });
      continue;
    }
    const { assignmentId, fencingToken } = running;
    const reason = "this attempt is over: drop it";
    stream.send({ case: "cancel", value: { assignmentId, fencingToken, reason, keepModel: false } });
  }
  for (const lost of owned) {
    if (hello.running.some((running) => running.assignmentId === lost.assignmentId)) continue;
    lost.resends++;
    if (lost.resends > MAX_RESENDS) {
      await attempts.abandoned(lost);
      continue;
    }
    await options.changes.returned(lost);
    stream.send(await taskMessage(db, lost.assignmentId));
  }
}

/** Takes reports until the node stops sending, then ends the stream. One report at a time, in their order. */
async function readReports(
  options: StreamTasksOptions,
  stream: TaskStream,
  reports: AsyncIterator<NodeTaskMessage>,
): Promise<void> {
  try {
    for (let next = await reports.next(); !next.done; next = await reports.next()) {
      const { message, sequence } = next.value;
      if (message.case === undefined || message.case === "hello") continue;
      // Before anything else: what a unit needed for it is measured until now.
      if (message.case === "calibration") await options.challenges.answered(stream.nodeId, message.value);
      await options.heartbeats.beat(stream.nodeId, "grpc", []);
      if (message.case === "calibration") continue;
      stream.send({ case: "answer", value: { sequence, ...(await answer(options, stream.nodeId, message)) } });
    }
  } catch (error) {
    options.logger.info("a task stream broke", { nodeId: stream.nodeId, error: errorMessage(error) });
  } finally {
    options.streams.closed(stream);
  }
}

interface Verdict {
  readonly accepted: boolean;
  readonly code: string;
  readonly message: string;
}

/** A refusal is data. A failure of the server's own ends the stream: the node reports again on its next one. */
async function answer(options: StreamTasksOptions, nodeId: NodeId, report: Report): Promise<Verdict> {
  try {
    await take(options, nodeId, report);
    return { accepted: true, code: "", message: "" };
  } catch (error) {
    // What the database cannot hold (an unpaired surrogate, a number out of range) it never will: ending the stream
    // would bring the same report again and again.
    if (isDataException(error)) {
      return {
        accepted: false,
        code: "central/report-malformed",
        message: `the report cannot be kept: ${errorMessage(error)}`,
      };
    }
    if (!isAppError(error) || error.rpc === "internal") {
      options.logger.error("a report could not be taken", { nodeId, report: report.case, error: errorMessage(error) });
      throw error;
    }
    if (error.retry === "backoff") throw error;
    return { accepted: false, code: error.code, message: error.message };
  }
}

/** PostgreSQL's error class 22. */
function isDataException(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && typeof error.code === "string" && /^22[0-9A-Z]{3}$/.test(error.code)
  );
}

async function take(options: StreamTasksOptions, nodeId: NodeId, report: Report): Promise<void> {
  const { assignments, attempts, live } = options;
  const claim: AssignmentClaim = {
    nodeId,
    assignmentId: parseAssignmentId(report.value.assignmentId),
    fencingToken: report.value.fencingToken,
  };
  switch (report.case) {
    case "accepted":
      return assignments.accepted(claim);
    case "declined":
      return attempts.declined(claim, report.value);
    case "progress":
      return assignments.progressed(claim, progressOf(report.value));
    case "checkpoint":
      return assignments.checkpointStored(claim, report.value);
    case "result":
      return attempts.delivered(claim, {
        ...report.value,
        onnx: artifactOf(report.value.onnx),
        weights: artifactOf(report.value.weights),
      });
    case "changeApplied":
      return options.changes.applied(claim, report.value);
    case "rerun":
      return options.reruns.reported(claim, rerunOf(report.value));
    case "failed":
      return attempts.failed(claim, { ...report.value, blame: blameOf(report.value.blame) });
    case "cancelled":
      return attempts.cancelled(await live.require(claim), {
        onnx: artifactOf(report.value.onnx),
        weights: artifactOf(report.value.weights),
      });
  }
}

type WireProgress = Extract<Report, { case: "progress" }>["value"];

function progressOf(report: WireProgress): Parameters<AssignmentService["progressed"]>[1] {
  return {
    step: Number(report.step),
    epoch: report.epoch,
    loss: report.loss,
    accuracy: report.accuracy ?? null,
    testAccuracy: report.testAccuracy ?? null,
    samplesPerSecond: report.samplesPerSecond,
    secondsLeft: report.secondsLeft,
  };
}

type WireRerun = Extract<Report, { case: "rerun" }>["value"];

function rerunOf(report: WireRerun): ReportedRerun {
  const { failureCode, failureStep, seconds, lowering, build, hardwareClass } = report;
  return {
    answer: {
      initial_sha256: report.initialSha256,
      end_sha256: report.endSha256,
      onnx_sha256: report.onnxSha256,
      weights_sha256: report.weightsSha256,
      failure: failureCode === "" ? null : { code: failureCode, step: Number(failureStep) },
    },
    distance: report.distance ?? null,
    seconds,
    lowering,
    build,
    hardwareClass,
  };
}

function artifactOf(artifact: Artifact | undefined): ReportedArtifact | undefined {
  return artifact && { cid: artifact.cid, sha256: artifact.sha256, sizeBytes: artifact.sizeBytes };
}

/** A node that cannot tell whose fault it is, is taken to be at fault itself: only then is nobody charged. */
function blameOf(blame: Blame): "job" | "node" | "server" {
  if (blame === Blame.JOB) return "job";
  return blame === Blame.SERVER ? "server" : "node";
}
