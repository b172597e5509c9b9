/**
 * Reports of older nodes, by job instead of by attempt: NodeService's and JobStatusService's. They lead to the same
 * service as StreamTasks, under the node's live attempt at the job.
 *
 * Such a node commits no checkpoints. Its result counts only when the model is in the object store under a CID; what it
 * keeps elsewhere cannot be handed to the user and is refused.
 */
import { AppError, parseJobId, parseNodeId, type NodeId } from "@cyxwiz/primitives";
import { fromWireReport, StatusCode, type JobStatusService, type NodeService } from "@cyxwiz/protocol";
import type { RpcContext, ServiceHandlers } from "@cyxwiz/protocol/server";
import type { Principal } from "../accounts/principal.ts";
import { refusingInBand } from "../machines/in-band-refusal.ts";
import type { NodeOwners } from "../machines/node-owners.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import type { AssignmentService } from "./assignment-service.ts";
import type { AttemptEnd } from "./attempt-end.ts";
import type { LiveAssignment, LiveAssignments } from "./live-assignments.ts";

export interface ReportHandlerOptions {
  readonly live: LiveAssignments;
  readonly assignments: AssignmentService;
  readonly attempts: AttemptEnd;
  readonly owners: NodeOwners;
  readonly principalOf: (context: RpcContext) => Principal;
}

type NodeReports = Pick<
  ServiceHandlers<typeof NodeService>,
  "reportProgress" | "reportCompletion" | "notifyJobAccepted"
>;

interface Tick {
  /** 0 to 1. */
  readonly progress: number;
  readonly epoch: number;
  readonly metrics: { readonly [name: string]: number };
}

interface Outcome {
  readonly status: StatusCode;
  readonly uri: string;
  readonly sha256: string;
  readonly sizeBytes: bigint;
  readonly metrics: { readonly [name: string]: number };
  readonly seconds: number;
  readonly message: string;
}

export function createNodeReportHandlers(options: ReportHandlerOptions): NodeReports {
  return {
    notifyJobAccepted: (request, context) =>
      refusingInBand(async () => {
        await options.assignments.accepted(await claimed(options, request, context));
        return { status: StatusCode.STATUS_SUCCESS, acknowledged: true };
      }),
    reportProgress: (request, context) =>
      refusingInBand(async () => {
        const live = await claimed(options, request, context);
        const { status } = request;
        const metrics = { ...status?.metrics, ...request.currentMetrics };
        await tick(options, live, { progress: status?.progress ?? 0, epoch: status?.currentEpoch ?? 0, metrics });
        return { status: StatusCode.STATUS_SUCCESS, continueJob: true };
      }),
    reportCompletion: (request, context) =>
      refusingInBand(async () => {
        const live = await claimed(options, request, context);
        const result = request.result;
        await finish(options, live, {
          status: result?.status ?? StatusCode.STATUS_UNKNOWN,
          uri: result?.modelWeightsUri ?? "",
          sha256: result?.modelWeightsHash ?? "",
          sizeBytes: result?.modelSize ?? 0n,
          metrics: result?.finalMetrics ?? {},
          seconds: Number(result?.totalComputeTime ?? 0n),
          message: "the node reported a failure",
        });
        return { status: StatusCode.STATUS_SUCCESS };
      }),
  };
}

/** Here an unknown id is NOT_FOUND, as a gRPC error. */
export function createJobStatusHandlers(options: ReportHandlerOptions): ServiceHandlers<typeof JobStatusService> {
  return {
    updateJobStatus: async (request, context) => {
      const live = await claimed(options, request, context);
      await tick(options, live, { progress: request.progress, epoch: request.currentEpoch, metrics: request.metrics });
      return { status: StatusCode.STATUS_SUCCESS, shouldContinue: true };
    },
    reportJobResult: async (request, context) => {
      await finish(options, await claimed(options, request, context), {
        status: request.finalStatus,
        uri: request.modelWeightsUri,
        sha256: request.modelWeightsHash,
        sizeBytes: request.modelSize,
        metrics: request.finalMetrics,
        seconds: Number(request.totalComputeTime),
        message: request.errorMessage || "the node reported a failure",
      });
      return { status: StatusCode.STATUS_SUCCESS };
    },
  };
}

/** The node's live attempt at the job. @throws AppError `central/job-not-assigned`, and those of `requireSpeakerFor`. */
async function claimed(
  { owners, live, principalOf }: ReportHandlerOptions,
  request: { readonly nodeId: string; readonly jobId: string },
  context: RpcContext,
): Promise<LiveAssignment> {
  const nodeId: NodeId = parseNodeId(request.nodeId);
  const jobId = parseJobId(request.jobId);
  await owners.requireSpeakerFor(nodeId, principalOf(context));
  const found = (await live.ofNode(nodeId)).find((one) => one.jobId === jobId && one.kind === "TRAIN");
  if (!found) throw new AppError(ASSIGNMENT_ERRORS.JOB_NOT_ASSIGNED, { jobId, nodeId });
  return found;
}

async function tick({ assignments }: ReportHandlerOptions, live: LiveAssignment, report: Tick): Promise<void> {
  const fraction = Math.min(1, Math.max(0, Number.isFinite(report.progress) ? report.progress : 0));
  await assignments.progressed(live, {
    step: Math.floor(fraction * live.totalSteps),
    epoch: report.epoch,
    loss: report.metrics["loss"] ?? null,
    accuracy: report.metrics["accuracy"] ?? null,
    testAccuracy: report.metrics["test_accuracy"] ?? null,
    samplesPerSecond: report.metrics["samples_per_second"] ?? null,
    secondsLeft: null,
  });
}

async function finish({ attempts }: ReportHandlerOptions, live: LiveAssignment, outcome: Outcome): Promise<void> {
  if (fromWireReport(outcome.status) !== "succeeded") {
    const { message } = outcome;
    await attempts.failed(live, { blame: "node", code: "node/reported-failure", message, step: 0n });
    return;
  }
  const cid = outcome.uri.replace(/^(ipfs|cyxcloud):\/\//, "");
  await attempts.delivered(live, {
    step: BigInt(live.totalSteps),
    onnx: undefined,
    weights: { cid, sha256: outcome.sha256.toLowerCase(), sizeBytes: outcome.sizeBytes },
    metrics: outcome.metrics,
    seconds: outcome.seconds,
    lowering: "",
    build: "",
    hardwareClass: "",
    chainRoot: "",
    initialSha256: "",
  });
}
