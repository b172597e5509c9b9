/**
 * A node at work under one registration: its devices, its assignments, its stream and its signs of life.
 *
 * A session ends when the node is stopped (then it drains: no new work, a last checkpoint, last reports, in bounded time),
 * or when the server no longer knows the node's key.
 */
import { statfs } from "node:fs/promises";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { AppError, errorMessage, parseUnitId } from "@cyxwiz/primitives";
import { type Clock, type Logger, retry } from "@cyxwiz/platform";
import { CalibrationAnswers } from "./calibration/calibration-answers.ts";
import { CalibrationDesk } from "./calibration/calibration-desk.ts";
import { MarketSignature } from "./calibration/market-signature.ts";
import type { CentralLink } from "./central/central-link.ts";
import type { CentralRest } from "./central/central-rest.ts";
import type { ConnectionState } from "./central/connection-state.ts";
import { Credentials } from "./central/credentials.ts";
import { type HeartbeatOptions, runGrpcHeartbeat, runRestHeartbeat } from "./central/heartbeats.ts";
import type { StoredCheckpoint } from "./central/messages.ts";
import { ReportOutbox } from "./central/report-outbox.ts";
import { runTaskStream, type TaskHandlers } from "./central/task-stream.ts";
import type { NodeConfig } from "./config/node-config.ts";
import { DevicePool } from "./devices/device-pool.ts";
import type { UnitOffer } from "./devices/unit-offer.ts";
import { NODE_ERRORS } from "./errors.ts";
import type { DetectedHardware } from "./hardware/detected-hardware.ts";
import type { Enrolment } from "./identity/enrolment.ts";
import type { NodeKey } from "./identity/node-key.ts";
import { uploadArtifact } from "./jobs/artifact-upload.ts";
import { JobExecutor } from "./jobs/job-executor.ts";
import { type CachedObject, ObjectCache } from "./jobs/object-cache.ts";
import type { TrainingDriver } from "./jobs/trainer.ts";
import {
  DATASET_CACHE_BYTES,
  DRAIN_MS,
  OBJECT_BYTES,
  REST_MS,
  TRANSFER_ATTEMPTS,
  TRANSFER_FIRST_DELAY_MS,
  TRANSFER_MAX_DELAY_MS,
} from "./limits.ts";

export interface SessionOptions {
  readonly config: NodeConfig;
  readonly key: NodeKey;
  readonly hardware: DetectedHardware;
  readonly offers: readonly UnitOffer[];
  readonly enrolment: Enrolment;
  readonly version: string;
  readonly driver: TrainingDriver;
  readonly rest: CentralRest;
  readonly link: CentralLink;
  readonly connection: ConnectionState;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

export type SessionEnd = "stopped" | "credential-refused";

export class NodeSession {
  readonly pool: DevicePool;
  readonly executor: JobExecutor;
  readonly #options: SessionOptions;
  readonly #outbox: ReportOutbox;
  readonly #credentials: Credentials;
  readonly #answers = new CalibrationAnswers();
  readonly #desk: CalibrationDesk;

  private constructor(options: SessionOptions, cache: ObjectCache, credentials: Credentials) {
    const { clock, config, driver, key, logger, random, rest } = options;
    const signature = new MarketSignature(rest);
    this.#options = options;
    this.#credentials = credentials;
    this.#outbox = new ReportOutbox();
    this.pool = poolOf(options);
    this.#desk = new CalibrationDesk({
      pool: this.pool,
      devices: driver.devices,
      verify: (text, signed) => signature.isOurs(text, signed, AbortSignal.timeout(REST_MS)),
      startCalibrator: driver.calibrator,
      answer: (answer) => this.#answers.push(answer),
      clock,
      logger,
    });
    const upload = {
      clock,
      random,
      logger,
      upload: (file: string, signal: AbortSignal) => rest.upload(file, credentials.current(), signal),
    };
    this.executor = new JobExecutor({
      pool: this.pool,
      nodeId: key.nodeId,
      dataDir: config.node.dataDir,
      abilities: driver.abilities,
      priority: config.devices.priority,
      startTrainer: driver.start,
      cache,
      fetchCheckpoint: (checkpoint, signal) => fetchCheckpoint(cache, checkpoint, signal),
      upload: (file, signal) => uploadArtifact(file, { ...upload, signal }),
      outbox: this.#outbox,
      clock,
      logger,
    });
  }

  static async open(options: SessionOptions): Promise<NodeSession> {
    const credentials = new Credentials(options.enrolment.apiKey, options.clock);
    return new NodeSession(options, await openCache(options, credentials), credentials);
  }

  /** Works until the signal aborts and everything that ran is handed over, or until the key is refused. */
  async run(signal: AbortSignal): Promise<SessionEnd> {
    await using executor = this.executor;
    await using _desk = this.#desk;
    const loops = new AbortController();
    const rest = runRestHeartbeat(this.#heartbeats(), loops.signal);
    const others = [this.#stream(loops.signal), runGrpcHeartbeat(this.#heartbeats(), loops.signal)];
    try {
      // The loops end only when told to; one that ends otherwise has broken, and its error ends the session.
      const end = await Promise.race([stopped(signal), rest, ...others.map((loop) => loop.then(() => rest))]);
      if (signal.aborted) await this.#drain(executor);
      return signal.aborted ? "stopped" : end;
    } finally {
      loops.abort();
      await Promise.allSettled([rest, ...others]);
    }
  }

  async #drain(executor: JobExecutor): Promise<void> {
    const { clock, logger } = this.#options;
    const running = executor.running().length;
    logger.info("stopping: no new work is taken", { running });
    const drained = new AbortController();
    const late = clock.sleep(DRAIN_MS, drained.signal).then(
      () => logger.warn("not everything was handed over in time", { waitedMs: DRAIN_MS }),
      () => undefined,
    );
    await Promise.race([executor.drain(), late]);
    drained.abort();
  }

  #stream(signal: AbortSignal): Promise<void> {
    const { connection, clock, config, driver, key, link, logger, random } = this.#options;
    const { abilities } = driver;
    const { executor } = this;
    const desk = this.#desk;
    const handlers: TaskHandlers = {
      hello: () => ({ nodeId: key.nodeId, ...abilities, running: executor.running() }),
      assignment: (assignment) => {
        // Work comes first: what measures the device ends before the work takes it.
        desk.interrupt();
        executor.offer(assignment);
      },
      calibration: desk.take.bind(desk),
      cancel: executor.cancel.bind(executor),
      change: executor.change.bind(executor),
      refused: executor.refused.bind(executor),
    };
    const { reconnectDelayMs } = config.centralServer;
    const credential = (): string => this.#credentials.current();
    const options = {
      link,
      outbox: this.#outbox,
      answers: this.#answers,
      handlers,
      connection,
      credential,
      clock,
      logger,
      random,
      reconnectDelayMs,
    };
    return runTaskStream(options, signal);
  }

  #heartbeats(): HeartbeatOptions {
    const { clock, config, hardware, key, link, logger, random, rest, version } = this.#options;
    const { name, region = "" } = config.node;
    const { heartbeatIntervalMs, reconnectDelayMs } = config.centralServer;
    return {
      nodeId: key.nodeId,
      registration: { name, region, version, publicKey: key.publicKey, hardware },
      link,
      rest,
      credentials: this.#credentials,
      pool: this.pool,
      executor: this.executor,
      clock,
      logger,
      random,
      intervalMs: heartbeatIntervalMs,
      reconnectDelayMs,
    };
  }
}

/** The offered devices under the ids that the server gave them, ready for work. */
function poolOf({ config, enrolment, offers }: SessionOptions): DevicePool {
  const units = enrolment.units.flatMap((unit) => {
    const offer = offers.find(
      ({ allocation }) => allocation.deviceType === unit.deviceType && allocation.deviceId === unit.deviceId,
    );
    return offer?.kind === "ready" ? [{ unitId: parseUnitId(unit.unitId), allocation: offer.allocation }] : [];
  });
  const pool = new DevicePool(units, config.node.maxConcurrentJobs);
  for (const { unitId } of units) {
    pool.raise(unitId, "registration-started");
    pool.raise(unitId, "registered");
  }
  return pool;
}

async function openCache(options: SessionOptions, credentials: Credentials): Promise<ObjectCache> {
  const { clock, config, logger, random, rest } = options;
  const { dataDir } = config.node;
  const disk = await statfs(dataDir);
  const maxBytes = Math.min(DATASET_CACHE_BYTES, OBJECT_BYTES, Math.floor((disk.bavail * disk.bsize) / 10));
  return ObjectCache.open({
    folder: join(dataDir, "cache"),
    maxBytes,
    clock,
    download: (cid, signal) => rest.download(cid, credentials.current(), signal),
    attempt: (download, signal) =>
      retry(download, {
        clock,
        random,
        signal,
        attempts: TRANSFER_ATTEMPTS,
        firstDelayMs: TRANSFER_FIRST_DELAY_MS,
        maxDelayMs: TRANSFER_MAX_DELAY_MS,
        onRetry: (error, attempt) =>
          logger.warn("a download failed and is tried again", { problem: errorMessage(error), attempt }),
      }),
  });
}

async function fetchCheckpoint(
  cache: ObjectCache,
  checkpoint: StoredCheckpoint,
  signal: AbortSignal,
): Promise<CachedObject> {
  const held = await cache.fetch(checkpoint, signal);
  const sha256 = createHash("sha256");
  for await (const piece of createReadStream(held.path, { signal })) sha256.update(piece as Buffer);
  const found = sha256.digest("hex");
  if (found === checkpoint.sha256) return held;
  held[Symbol.dispose]();
  throw new AppError(NODE_ERRORS.CHECKPOINT_MISMATCH, { cid: checkpoint.cid, found, expected: checkpoint.sha256 });
}

function stopped(signal: AbortSignal): Promise<"stopped"> {
  const { promise, resolve } = Promise.withResolvers<"stopped">();
  if (signal.aborted) resolve("stopped");
  signal.addEventListener("abort", () => resolve("stopped"), { once: true });
  return promise;
}
