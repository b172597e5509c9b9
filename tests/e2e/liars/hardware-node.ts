/**
 * A node whose owner says what hardware it has. What it says at registration is the test's; all that follows is real: its
 * key, its stream of work over gRPC, its heartbeats, its calibration desk, and processes that compute what is asked.
 *
 * The program itself measures its devices and registers what it found, so it cannot be made to say this.
 */
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Calibrator } from "@cyxwiz/backend";
import type { UnitState } from "@cyxwiz/market";
import type { Clock, Logger } from "@cyxwiz/platform";
import { defined, parseUnitId, type NodeId, type UnitId } from "@cyxwiz/primitives";
import { userDevicesSchema, type RegisterNodeAnswer, type RegisterNodeBody } from "@cyxwiz/protocol/rest";
import { CalibrationAnswers } from "../../../apps/server-node/src/calibration/calibration-answers.ts";
import { CalibrationDesk } from "../../../apps/server-node/src/calibration/calibration-desk.ts";
import { MarketSignature } from "../../../apps/server-node/src/calibration/market-signature.ts";
import type { CentralLink } from "../../../apps/server-node/src/central/central-link.ts";
import { CentralRest } from "../../../apps/server-node/src/central/central-rest.ts";
import { ConnectionState } from "../../../apps/server-node/src/central/connection-state.ts";
import { createGrpcLink } from "../../../apps/server-node/src/central/grpc-link.ts";
import type { Assignment } from "../../../apps/server-node/src/central/messages.ts";
import { ReportOutbox } from "../../../apps/server-node/src/central/report-outbox.ts";
import { runTaskStream, type TaskHandlers } from "../../../apps/server-node/src/central/task-stream.ts";
import { DevicePool } from "../../../apps/server-node/src/devices/device-pool.ts";
import { openNodeKey, type NodeKey } from "../../../apps/server-node/src/identity/node-key.ts";
import type { TrainerAbilities } from "../../../apps/server-node/src/jobs/trainer.ts";
import type { Account } from "./account.ts";

const GIB = 1024 ** 3;
const VRAM_GB = 24;
/** The most that a challenge is answered with here, so that a large computer comes no nearer to a GPU. */
const THREADS = Math.min(2, availableParallelism());
const RECONNECT_MS = 1_000;

export interface HardwareNodeOptions {
  readonly name: string;
  readonly owner: Account;
  readonly ipAddress: string;
  /** What its owner says of its only device. */
  readonly claim: { readonly deviceType: "cpu" | "gpu"; readonly deviceName: string; readonly flopsPerSecond: number };
  /** What computes its challenges. */
  readonly startCalibrator: () => Calibrator;
  readonly abilities: TrainerAbilities;
  readonly folder: string;
  readonly restUrl: string;
  readonly grpcAddress: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class HardwareNode implements AsyncDisposable {
  /** Work that it was offered; it takes none. */
  readonly offered: Assignment[] = [];
  /** Tasks of challenges that were handed to it. */
  asked = 0;
  readonly id: NodeId;
  readonly #options: HardwareNodeOptions;
  readonly #key: NodeKey;
  readonly #rest: CentralRest;
  readonly #link: CentralLink;
  readonly #stopping = new AbortController();
  #unitId: UnitId | undefined;
  #apiKey = "";
  #streaming: Promise<void> | undefined;

  private constructor(options: HardwareNodeOptions, key: NodeKey) {
    this.#options = options;
    this.#key = key;
    this.id = key.nodeId;
    this.#rest = new CentralRest({ apiUrl: options.restUrl, clock: options.clock });
    this.#link = createGrpcLink(options.grpcAddress);
  }

  /** Returns when the server can hand it challenges. */
  static async start(options: HardwareNodeOptions): Promise<HardwareNode> {
    const folder = join(options.folder, options.name);
    await mkdir(folder);
    const node = new HardwareNode(options, await openNodeKey(folder));
    await node.register();
    const online = Promise.withResolvers<void>();
    node.#streaming = node.#stream(online.resolve);
    await Promise.race([online.promise, node.#streaming]);
    return node;
  }

  /** Registers, again too: its device as it is claimed, or that it shares nothing any more. */
  async register({ shares = true }: { readonly shares?: boolean } = {}): Promise<RegisterNodeAnswer["compute_units"]> {
    const { token } = this.#options.owner;
    const ownerId = await this.#rest.ownerOf(token, this.#stopping.signal);
    const proof = Buffer.from(this.#key.sign(`cyxwiz-register:${this.id}:${ownerId}`)).toString("hex");
    const body = { ...this.#body(), ...(!shares && { compute_units: [] }), proof };
    const answer = await this.#rest.register(body, token, this.#stopping.signal);
    this.#apiKey = answer.api_key;
    const [unit] = answer.compute_units;
    if (unit) this.#unitId = parseUnitId(unit.unit_id);
    return answer.compute_units;
  }

  /** Says on both paths that it lives, and how its device is. */
  async beat(state: UnitState = "ACTIVE"): Promise<void> {
    const { signal } = this.#stopping;
    const unitId = defined(this.#unitId, "a registered unit");
    const units = [{ unitId, state, loadPercent: 0, taskId: undefined }];
    await this.#link.heartbeat({ nodeId: this.id, units, running: [] }, this.#apiKey, signal);
    const status = state.toLowerCase() as Lowercase<UnitState>;
    const restUnits = [{ unit_id: unitId, status, current_load_percent: 0, current_task_id: null }];
    await this.#rest.heartbeat({ nodeId: this.id, units: restUnits, apiKey: this.#apiKey }, signal);
  }

  /** Why its device is in the state that it is in, as its owner sees it. */
  async statusReason(): Promise<string | null | undefined> {
    const { owner } = this.#options;
    const ownerId = await this.#rest.ownerOf(owner.token, this.#stopping.signal);
    const { machines } = await owner.rest.call("GET", `/api/users/${ownerId}/devices`, { schema: userDevicesSchema });
    const [machine] = machines;
    return [...(machine?.hardware.cpus ?? []), ...(machine?.hardware.gpus ?? [])][0]?.compute_unit?.status_reason;
  }

  get isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#streaming;
    await this.#link[Symbol.asyncDispose]();
  }

  async #stream(onOnline: () => void): Promise<void> {
    const { abilities, clock, logger, startCalibrator: start } = this.#options;
    const signature = new MarketSignature(this.#rest);
    const answers = new CalibrationAnswers();
    await using desk = new CalibrationDesk({
      pool: this.#pool(),
      devices: ["cpu", "gpu"],
      verify: (text, signed) => signature.isOurs(text, signed, this.#stopping.signal),
      startCalibrator: start,
      answer: (answer) => answers.push(answer),
      clock,
      logger,
    });
    const handlers: TaskHandlers = {
      hello: () => ({ nodeId: this.id, ...abilities, running: [] }),
      assignment: (assignment) => void this.offered.push(assignment),
      calibration: (task) => {
        this.asked++;
        desk.take(task);
      },
      cancel: () => undefined,
      change: () => undefined,
      refused: () => undefined,
    };
    const link = this.#link;
    const connection = new ConnectionState(clock, onOnline);
    const timing = { clock, logger, random: Math.random, reconnectDelayMs: RECONNECT_MS };
    const options = { link, answers, outbox: new ReportOutbox(), handlers, connection, credential: () => this.#apiKey };
    await runTaskStream({ ...options, ...timing }, this.#stopping.signal);
  }

  #pool(): DevicePool {
    const { deviceType, deviceName } = this.#options.claim;
    const unitId = defined(this.#unitId, "a registered unit");
    const memory = { memoryBytes: VRAM_GB * GIB, memoryReservedBytes: 0 };
    const device = { deviceType, deviceId: 0, deviceName, threads: THREADS, threadsReserved: 0 };
    const allocation = { ...device, ...memory, priority: "normal", maxPowerPercent: 100 } as const;
    const pool = new DevicePool([{ unitId, allocation }], 1);
    pool.raise(unitId, "registration-started");
    pool.raise(unitId, "registered");
    return pool;
  }

  #body(): Omit<RegisterNodeBody, "proof"> {
    const { abilities, claim, ipAddress, name } = this.#options;
    const { build, hardwareClass, lowerings } = abilities;
    const benchmark = {
      train_flops_per_second: claim.flopsPerSecond,
      lowering: lowerings[0] ?? "",
      build,
      hardware_class: hardwareClass,
    };
    const isGpu = claim.deviceType === "gpu";
    const device = { device_id: 0, name: claim.deviceName };
    const gpu = { ...device, vendor: "nvidia" as const, vram_mb: VRAM_GB * 1024 };
    const cpu = { ...device, cores: THREADS, threads: THREADS };
    const hardware = { ram_total_gb: VRAM_GB, storage_total_gb: 100 };
    const share = isGpu ? { vram_allocated_mb: VRAM_GB * 1024 } : { cores_allocated: THREADS };
    const allocation = { ...share, priority: "normal" as const };
    return {
      machine_id: this.id,
      public_key: Buffer.from(this.#key.publicKey).toString("hex"),
      name,
      hostname: name,
      os: "test",
      ip_address: ipAddress,
      hardware: { ...hardware, gpus: isGpu ? [gpu] : [], cpus: isGpu ? [] : [cpu] },
      compute_units: [{ device_type: claim.deviceType, device_id: 0, allocation, benchmark }],
    };
  }
}
