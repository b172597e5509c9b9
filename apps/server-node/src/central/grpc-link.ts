/** `CentralLink` over gRPC: the only place where the node's words meet the wire's. */
import { AppError, parseNodeId } from "@cyxwiz/primitives";
import { DeviceType, fromWireTime, type RegisterNodeResponse, type RpcClients, StatusCode } from "@cyxwiz/protocol";
import { createRpcClients } from "@cyxwiz/protocol/client";
import { NODE_ERRORS } from "../errors.ts";
import type { DetectedHardware } from "../hardware/detected-hardware.ts";
import { GRPC_CALL_MS } from "../limits.ts";
import type { BeatAnswer, CentralLink, GrpcBeat, GrpcRegistration, NodeToken } from "./central-link.ts";
import type { NodeMessage, ServerMessage } from "./messages.ts";
import { readServerMessage } from "./wire-message.ts";
import { toWireMessage, toWireRunning, type WireNodeMessage } from "./wire-report.ts";

const MIB = 1024 * 1024;

type NodeClient = RpcClients["nodes"];

/** One connection, opened by the first call and again by the first call after a loss. */
export function createGrpcLink(address: string): CentralLink {
  const connection = createRpcClients({ grpcAddress: address });
  return {
    register: (registration, credential, signal) => register(connection.nodes, registration, credential, signal),
    heartbeat: (beat, credential, signal) => heartbeat(connection.nodes, beat, credential, signal),
    streamTasks: (outgoing, credential, signal) => streamTasks(connection.nodes, outgoing, credential, signal),
    [Symbol.asyncDispose]: async () => connection.close(),
  };
}

async function register(
  nodes: NodeClient,
  registration: GrpcRegistration,
  credential: string,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<CentralLink["register"]>>> {
  const { publicKey, name, region, version, hardware } = registration;
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const info = { ...wireHardware(hardware), name, region, version: { major, minor, patch, build: version } };
  const request = { info, authenticationToken: credential, publicKey };
  const answer = await nodes.registerNode(request, options(credential, signal));
  refuseInBand("RegisterNode", answer);
  return { nodeId: parseNodeId(answer.nodeId), ...tokenOf(answer.nodeToken, answer.nodeTokenExpiresAt) };
}

async function heartbeat(
  nodes: NodeClient,
  beat: GrpcBeat,
  credential: string,
  signal: AbortSignal,
): Promise<BeatAnswer> {
  const units = beat.units.map((unit) => ({
    unitId: unit.unitId,
    status: unit.state.toLowerCase(),
    currentLoadPercent: unit.loadPercent,
    currentTaskId: unit.taskId ?? "",
  }));
  const activeJobs = beat.running.map((running) => running.jobId);
  const request = { nodeId: beat.nodeId, activeJobs, units, running: beat.running.map(toWireRunning) };
  const answer = await nodes.heartbeat(request, options(credential, signal));
  refuseInBand("Heartbeat", answer);
  return { jobsToCancel: answer.jobsToCancel, ...tokenOf(answer.nodeToken, answer.nodeTokenExpiresAt) };
}

async function* streamTasks(
  nodes: NodeClient,
  outgoing: AsyncIterable<NodeMessage>,
  credential: string,
  signal: AbortSignal,
): AsyncGenerator<ServerMessage> {
  async function* wire(): AsyncGenerator<WireNodeMessage> {
    for await (const message of outgoing) yield toWireMessage(message);
  }
  const { headers } = options(credential, signal);
  for await (const message of nodes.streamTasks(wire(), { headers, signal })) {
    const read = readServerMessage(message);
    if (read) yield read;
  }
}

function wireHardware(hardware: DetectedHardware): object {
  const memory = BigInt(hardware.memoryBytes);
  const gpus = hardware.gpus.map((gpu) => ({
    deviceType: DeviceType.DEVICE_CUDA,
    deviceName: gpu.name,
    gpuModel: gpu.name,
    memoryTotal: BigInt(gpu.vramMb * MIB),
    vramTotal: BigInt(gpu.vramMb * MIB),
    driverVersion: gpu.driverVersion ?? "",
    computeCapability: Number.parseFloat(gpu.computeCapability ?? "0") || 0,
  }));
  const { name, cores } = hardware.cpu;
  const cpu = { deviceType: DeviceType.DEVICE_CPU, deviceName: name, computeUnits: cores, memoryTotal: memory };
  return {
    devices: [...gpus, cpu],
    cpuCores: cores,
    ramTotal: memory,
    ipAddress: hardware.ipAddress,
    isOnline: true,
  };
}

function tokenOf(token: string, expiresAt: bigint): { readonly token?: NodeToken } {
  return token ? { token: { token, expiresAtMs: fromWireTime(expiresAt) ?? 0 } } : {};
}

function options(
  credential: string,
  signal: AbortSignal,
): {
  headers: Record<string, string>;
  signal: AbortSignal;
  timeoutMs: number;
} {
  return { headers: { authorization: `Bearer ${credential}` }, signal, timeoutMs: GRPC_CALL_MS };
}

/** These two methods refuse with gRPC OK and an error inside, as deployed clients know it. */
function refuseInBand(where: string, answer: Pick<RegisterNodeResponse, "status" | "error">): void {
  if (answer.status === StatusCode.STATUS_SUCCESS) return;
  const { code: status = 500, message: problem = "no reason given", details = "" } = answer.error ?? {};
  if (status >= 500) throw new AppError(NODE_ERRORS.CENTRAL_UNAVAILABLE, { where, status, problem });
  throw new AppError(NODE_ERRORS.CENTRAL_REFUSED, { where, status, reason: details || "no code given", problem });
}
