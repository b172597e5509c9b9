/**
 * The Server Node, put together: data folder, identity, hardware, registration, and sessions of work until it is stopped.
 *
 * Everything that it needs from outside is an argument, so that tests and `cyxwiz up` run it in their own process.
 */
import { errorMessage, isAppError, type NodeId } from "@cyxwiz/primitives";
import { type Clock, type Logger, retry } from "@cyxwiz/platform";
import type { CentralLink } from "./central/central-link.ts";
import { CentralRest } from "./central/central-rest.ts";
import { ConnectionState } from "./central/connection-state.ts";
import { enrol } from "./central/enrolment-flow.ts";
import { createGrpcLink } from "./central/grpc-link.ts";
import { readOwnerToken } from "./config/load-config.ts";
import type { NodeConfig } from "./config/node-config.ts";
import { planAllocations } from "./devices/allocation.ts";
import { measureUnits } from "./devices/self-benchmark.ts";
import type { UnitOffer } from "./devices/unit-offer.ts";
import { detectHardware } from "./hardware/detect-hardware.ts";
import type { DetectedHardware } from "./hardware/detected-hardware.ts";
import { lockDataFolder } from "./identity/data-folder-lock.ts";
import type { Enrolment } from "./identity/enrolment.ts";
import { type NodeKey, openNodeKey } from "./identity/node-key.ts";
import { createBackendDriver } from "./jobs/backend-driver.ts";
import type { TrainingDriver } from "./jobs/trainer.ts";
import { clearWorkFolders } from "./jobs/work-folder.ts";
import { RECONNECT_MAX_MS } from "./limits.ts";
import { NodeSession } from "./node-session.ts";
import { nodeVersion } from "./node-version.ts";
import type { NodeStatus, UnitReport } from "./status/node-status.ts";
import { keepStatusFile } from "./status/status-file.ts";

export interface ServerNodeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1): jitter of heartbeats and waits. */
  readonly random: () => number;
  /** What trains; the embedded driver when left out. */
  readonly driver?: TrainingDriver;
  /** Called once, when the server takes this node for online: it may get work from then on. */
  readonly onFirstOnline?: () => void;
  /** Opens the connection to `[central_server] address`; gRPC when left out. */
  readonly openLink?: (address: string) => CentralLink;
}

export interface ServerNode extends AsyncDisposable {
  readonly nodeId: NodeId;
  status(): NodeStatus;
  /**
   * Registers and works until the signal aborts; returns when running work is handed over.
   * @throws AppError when the node cannot work at all: `node/allocation-invalid`, `node/owner-token-missing`,
   * `node/central-refused`. A server that is away is not one of these: the node waits for it.
   */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Takes the data folder and reads or makes the node's key. Dispose it to give the folder back.
 * @throws AppError `node/data-folder-busy`, `node/data-folder-unusable`, `node/identity-malformed`.
 */
export async function createServerNode(config: NodeConfig, options: ServerNodeOptions): Promise<ServerNode> {
  await using stack = new AsyncDisposableStack();
  stack.use(await lockDataFolder(config.node.dataDir));
  const key = await openNodeKey(config.node.dataDir);
  await clearWorkFolders(config.node.dataDir);
  return new RunningNode(config, options, key, stack.move());
}

class RunningNode implements ServerNode {
  readonly nodeId: NodeId;
  readonly #config: NodeConfig;
  readonly #options: ServerNodeOptions;
  readonly #key: NodeKey;
  readonly #owned: AsyncDisposableStack;
  readonly #connection: ConnectionState;
  readonly #startedAtMs: number;
  #offers: readonly UnitOffer[] = [];
  #session: NodeSession | undefined;

  constructor(config: NodeConfig, options: ServerNodeOptions, key: NodeKey, owned: AsyncDisposableStack) {
    this.nodeId = key.nodeId;
    this.#config = config;
    this.#options = options;
    this.#key = key;
    this.#owned = owned;
    this.#connection = new ConnectionState(options.clock, options.onFirstOnline);
    this.#startedAtMs = options.clock.now();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const ended = new AbortController();
    const { dataDir } = this.#config.node;
    const statusFile = keepStatusFile({ dataDir, status: () => this.status(), clock, logger }, ended.signal);
    try {
      await this.#work(signal);
    } catch (error) {
      if (!signal.aborted) {
        this.#connection.lost(errorMessage(error));
        throw error;
      }
    } finally {
      ended.abort();
      await statusFile;
    }
  }

  status(): NodeStatus {
    const { node, centralServer } = this.#config;
    const { address, apiUrl } = centralServer;
    const executor = this.#session?.executor;
    return {
      nodeId: this.nodeId,
      name: node.name,
      version: nodeVersion(),
      processId: process.pid,
      startedAt: new Date(this.#startedAtMs).toISOString(),
      centralServer: { address, apiUrl, ...this.#connection.snapshot() },
      units: [...this.#pooledUnits(), ...this.#unofferedUnits()],
      assignments: (executor?.running() ?? []).map(({ assignmentId, jobId, kind, step }) => {
        return { assignmentId, jobId, kind, step };
      }),
      counts: executor?.counts() ?? { completed: 0, verified: 0, failed: 0, cancelled: 0 },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { logger, clock } = this.#options;
    const { dataDir } = this.#config.node;
    const driver = this.#options.driver ?? (await createBackendDriver(logger));
    const hardware = await detectHardware({ dataDir, signal });
    if (hardware.gpuProblem) logger.warn("GPUs could not be read", { problem: hardware.gpuProblem });
    const allocations = planAllocations(this.#config.devices, hardware);
    this.#offers = await measureUnits(allocations, { dataDir, driver, signal });
    for (const offer of this.#offers) logOffer(logger, offer);
    const rest = new CentralRest({ apiUrl: this.#config.centralServer.apiUrl, clock });
    for (let renew = false; !signal.aborted; renew = true) {
      const enrolment = await this.#enrol({ hardware, rest, renew }, signal);
      await using link = (this.#options.openLink ?? createGrpcLink)(this.#config.centralServer.address);
      const { random } = this.#options;
      const session = await NodeSession.open({
        config: this.#config,
        key: this.#key,
        offers: this.#offers,
        connection: this.#connection,
        version: nodeVersion(),
        hardware,
        enrolment,
        driver,
        rest,
        link,
        clock,
        logger,
        random,
      });
      this.#session = session;
      if ((await session.run(signal)) === "stopped") return;
      logger.warn("the Central Server does not know this node's key: registering again");
    }
  }

  /** Tries for as long as the server is only away; a refusal ends the node. */
  async #enrol(
    { hardware, rest, renew }: { hardware: DetectedHardware; rest: CentralRest; renew: boolean },
    signal: AbortSignal,
  ): Promise<Enrolment> {
    const { clock, logger, random } = this.#options;
    const ownerToken = await readOwnerToken(this.#config.account);
    const version = nodeVersion();
    const request = {
      config: this.#config,
      key: this.#key,
      hardware,
      offers: this.#offers,
      version,
      ownerToken,
      rest,
      logger,
    };
    return retry(() => enrol(request, renew, signal), {
      clock,
      random,
      signal,
      attempts: Infinity,
      firstDelayMs: this.#config.centralServer.reconnectDelayMs,
      maxDelayMs: RECONNECT_MAX_MS,
      onRetry: (error, _attempt, delayMs) => {
        this.#connection.lost(errorMessage(error));
        const code = isAppError(error) ? error.code : undefined;
        logger.warn("offline: registration failed", {
          problem: errorMessage(error),
          code,
          retryInMs: Math.round(delayMs),
        });
      },
    });
  }

  #pooledUnits(): readonly UnitReport[] {
    return (this.#session?.pool.units() ?? []).map((unit) => {
      const { unitId, state, reason, usedThreads, usedMemoryBytes } = unit;
      return unitReport(unit.allocation, { unitId, state, reason, usedThreads, usedMemoryBytes });
    });
  }

  #unofferedUnits(): readonly UnitReport[] {
    return this.#offers
      .filter((offer) => offer.kind === "not-offered")
      .map(({ allocation, reason }) =>
        unitReport(allocation, { state: "INACTIVE", reason, usedThreads: 0, usedMemoryBytes: 0 }),
      );
  }
}

function unitReport(
  allocation: UnitOffer["allocation"],
  now: Pick<UnitReport, "unitId" | "state" | "reason" | "usedThreads" | "usedMemoryBytes">,
): UnitReport {
  const { deviceType, deviceId, deviceName, threads, memoryBytes } = allocation;
  return { deviceType, deviceId, deviceName, threads, memoryBytes, ...now };
}

function logOffer(logger: Logger, offer: UnitOffer): void {
  const { deviceType, deviceId, deviceName, threads } = offer.allocation;
  const device = { deviceType, deviceId, deviceName };
  if (offer.kind === "not-offered") return logger.warn("a device is not offered", { ...device, reason: offer.reason });
  const gflops = Math.round(offer.speed.trainFlopsPerSecond / 1e9);
  logger.info("a device is offered", { ...device, threads, gflops, hardwareClass: offer.speed.hardwareClass });
}
