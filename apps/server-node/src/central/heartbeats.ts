/**
 * Signs of life on both paths: gRPC, which renews the node's token and names what runs, and REST, which carries the state
 * of every unit for the owner's dashboard. Each goes on by itself when the other fails.
 */
import { AppError, errorMessage, type NodeId } from "@cyxwiz/primitives";
import { backoffDelay, type Clock, type Logger } from "@cyxwiz/platform";
import type { DevicePool, PooledUnit } from "../devices/device-pool.ts";
import { NODE_ERRORS } from "../errors.ts";
import { RECONNECT_MAX_MS, REST_HEARTBEAT_MS } from "../limits.ts";
import type { JobExecutor } from "../jobs/job-executor.ts";
import type { CentralLink, GrpcRegistration } from "./central-link.ts";
import type { CentralRest, NodeCommand } from "./central-rest.ts";
import type { Credentials } from "./credentials.ts";
import { isCredentialRefused } from "./credential-refused.ts";

export interface HeartbeatOptions {
  readonly nodeId: NodeId;
  readonly registration: GrpcRegistration;
  readonly link: CentralLink;
  readonly rest: CentralRest;
  readonly credentials: Credentials;
  readonly pool: DevicePool;
  readonly executor: JobExecutor;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly intervalMs: number;
  readonly reconnectDelayMs: number;
}

/** Registers at the gRPC side and beats until the signal aborts; registers again when the server forgot the node. */
export async function runGrpcHeartbeat(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, random, credentials, reconnectDelayMs } = options;
  let isRegistered = false;
  for (let failures = 0; !signal.aborted;) {
    try {
      if (!isRegistered) await registerByGrpc(options, signal);
      isRegistered = true;
      await beatByGrpc(options, signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      isRegistered = false;
      if (isCredentialRefused(error)) credentials.dropToken();
      logger.warn("a gRPC heartbeat failed", { problem: errorMessage(error) });
    }
    const backoff = { firstDelayMs: reconnectDelayMs, maxDelayMs: RECONNECT_MAX_MS, random };
    const delayMs = failures > 0 ? backoffDelay(failures, backoff) : jittered(options.intervalMs, random);
    await clock.sleep(delayMs, signal).catch(() => undefined);
  }
}

/** Beats by REST until the signal aborts. @returns "credential-refused" when the server does not know the API key. */
export async function runRestHeartbeat(
  options: HeartbeatOptions,
  signal: AbortSignal,
): Promise<"credential-refused" | "stopped"> {
  const { clock, logger, nodeId, random, rest, pool, credentials } = options;
  while (!signal.aborted) {
    try {
      const beat = { nodeId, apiKey: credentials.apiKey, units: pool.units().map(restBeat) };
      for (const command of await rest.heartbeat(beat, signal)) obey(command, options);
    } catch (error) {
      if (signal.aborted) break;
      if (isCredentialRefused(error)) return "credential-refused";
      logger.warn("a REST heartbeat failed", { problem: errorMessage(error) });
    }
    await clock.sleep(jittered(REST_HEARTBEAT_MS, random), signal).catch(() => undefined);
  }
  return "stopped";
}

async function registerByGrpc(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { link, credentials, registration, nodeId } = options;
  const answer = await link.register(registration, credentials.current(), signal);
  if (answer.nodeId !== nodeId)
    throw new AppError(NODE_ERRORS.IDENTITY_MISMATCH, { own: nodeId, answered: answer.nodeId });
  credentials.renew(answer.token);
}

async function beatByGrpc(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { link, credentials, executor, nodeId, pool } = options;
  const units = pool.units().map((unit) => ({
    unitId: unit.unitId,
    state: unit.state,
    loadPercent: loadPercent(unit),
    taskId: unit.assignmentIds[0],
  }));
  const beat = { nodeId, units, running: executor.running() };
  const answer = await link.heartbeat(beat, credentials.current(), signal);
  credentials.renew(answer.token);
  for (const jobId of answer.jobsToCancel) executor.cancelJob(jobId);
}

function restBeat(unit: PooledUnit): Parameters<CentralRest["heartbeat"]>[0]["units"][number] {
  return {
    unit_id: unit.unitId,
    status: unit.state.toLowerCase() as Lowercase<typeof unit.state>,
    current_load_percent: loadPercent(unit),
    current_task_id: unit.assignmentIds[0] ?? null,
  };
}

/** The part of the unit's threads that work holds: what is known without sampling the device. */
function loadPercent(unit: PooledUnit): number {
  return Math.round((100 * unit.usedThreads) / unit.allocation.threads);
}

function obey(command: NodeCommand, { pool, logger }: HeartbeatOptions): void {
  const events = { pause: "paused", resume: "resumed" } as const;
  const event = Object.hasOwn(events, command.kind) ? events[command.kind as keyof typeof events] : undefined;
  if (!event) {
    logger.warn("the Central Server sent a command that this node does not know", { command: command.kind });
    return;
  }
  for (const { unitId } of pool.units()) {
    if (command.unitId !== undefined && command.unitId !== unitId) continue;
    if (pool.raise(unitId, event, command.reason ?? "asked by the Central Server")) {
      logger.info(`a compute unit is ${event}`, { unitId, reason: command.reason });
    }
  }
}

/** ± 10 %, so that nodes that started together do not beat together. */
function jittered(ms: number, random: () => number): number {
  return ms * (0.9 + 0.2 * random());
}
