/**
 * A market in which units are challenged, in the test's own process: a Central Server with its database, a user, and nodes
 * on loopback. All of it lives by one clock, which leaps over the minutes between two challenges.
 */
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeDataset, writeDataset } from "@cyxwiz/backend";
import { configFrom, createCentralServer } from "@cyxwiz/central-server";
import { sequential, writeCyxwiz } from "@cyxwiz/graph";
import { MemoryLogger } from "@cyxwiz/platform";
import { defined } from "@cyxwiz/primitives";
import {
  jobSchema,
  publicNodesSchema,
  quoteSchema,
  type Job,
  type PublicNode,
  type Quote,
  type QuoteRequest,
} from "@cyxwiz/protocol/rest";
import { createServerNode, parseNodeConfig } from "@cyxwiz/server-node";
import { createBackendDriver } from "../../../apps/server-node/src/jobs/backend-driver.ts";
import type { TrainingDriver } from "../../../apps/server-node/src/jobs/trainer.ts";
import { Account } from "./account.ts";
import { honest, type Holding } from "./hardware-calibrators.ts";
import { HardwareNode, type HardwareNodeOptions } from "./hardware-node.ts";
import { LeapingClock } from "./leaping-clock.ts";
import { smallDataset } from "./small-job.ts";

const GIGA = 1e9;
const POLL_MS = 40;
/** Of what the test waits for on the computer's clock: 30 s. */
const POLLS = 750;
/** A look of the server at who is due, which it takes every two seconds. */
const LEAP_MS = 2_000;
/** Two thirds of what makes a node count as silent. */
const SKIP_MS = 10_000;
/** Five minutes of the market's time. */
const LEAPS = 150;

/** Work of hours for a processor and of seconds for the fastest GPU. */
const WIDE_GRAPH = writeCyxwiz(
  sequential("wide", [
    ["Dense", { units: 1_024 }],
    ["ReLU"],
    ["Dense", { units: 1_024 }],
    ["ReLU"],
    ["Dense", { units: 3 }],
    ["Output", { classes: 3 }],
    ["CrossEntropyLoss"],
    ["Adam", { learning_rate: 0.001 }],
  ]),
);
const WIDE_EPOCHS = 100_000;

export type Device = PublicNode["devices"][number];

export interface AskedNode {
  readonly id: string;
  /** What it was asked to compute so far. */
  readonly asked: number;
}

interface Made {
  readonly clock: LeapingClock;
  readonly logs: MemoryLogger;
  readonly folder: string;
  readonly restUrl: string;
  readonly grpcAddress: string;
  readonly driver: TrainingDriver;
  readonly user: Account;
  readonly dataset: QuoteRequest["dataset"];
}

/** A Central Server with its database and a user, in the test's process, on loopback. */
export class HardwareMarket implements AsyncDisposable {
  readonly clock: LeapingClock;
  readonly logs: MemoryLogger;
  readonly #made: Made;
  readonly #stack: AsyncDisposableStack;
  readonly #nodes: HardwareNode[] = [];

  private constructor(made: Made, stack: AsyncDisposableStack) {
    this.clock = made.clock;
    this.logs = made.logs;
    this.#made = made;
    this.#stack = stack;
  }

  static async start(): Promise<HardwareMarket> {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "cyxwiz-hardware-"));
    // Passable, not listable: started by root, the database runs as another user and must reach its own folder.
    await chmod(folder, 0o711);
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const [clock, logs] = [new LeapingClock(), new MemoryLogger()];
    const config = configFrom(serverConfig(join(folder, "central-server")), {});
    const options = { clock, logger: logs, random };
    const { restUrl, grpcAddress } = stack.use(await createCentralServer(config, options));
    const user = await (await Account.open(restUrl, "user")).fund();
    const path = join(folder, "dataset.safetensors");
    await writeDataset(path, smallDataset());
    const { trainSamples, testSamples, sampleShape, classes } = await describeDataset(path);
    const dataset = {
      ...(await user.upload(path)),
      train_samples: trainSamples,
      test_samples: testSamples,
      sample_shape: [...sampleShape],
      classes,
      target_shape: [],
    };
    const driver = await createBackendDriver(logs);
    return new HardwareMarket({ clock, logs, folder, restUrl, grpcAddress, driver, user, dataset }, stack.move());
  }

  /** A node of an owner of its own, with a key and an address of its own, that says what the test wants it to. */
  async node(options: Partial<HardwareNodeOptions> & { readonly name: string }): Promise<HardwareNode> {
    const { folder, restUrl, grpcAddress, clock, logs, driver } = this.#made;
    const { abilities } = driver;
    const node = await HardwareNode.start({
      folder,
      restUrl,
      grpcAddress,
      clock,
      logger: logs,
      abilities,
      startCalibrator: honest,
      owner: await Account.open(restUrl, options.name),
      ipAddress: `198.51.100.${this.#nodes.length}`,
      claim: { deviceType: "cpu", deviceName: "CPU", flopsPerSecond: GIGA },
      ...options,
    });
    this.#nodes.push(node);
    return node;
  }

  /** The program itself, on this computer's processor: it trains and answers challenges. */
  async worker(name: string, held: Holding): Promise<AskedNode & AsyncDisposable> {
    const { folder, restUrl, grpcAddress, clock, logs, driver } = this.#made;
    const owner = await Account.open(restUrl, name);
    const tables = {
      node: { name, data_dir: join(folder, name) },
      central_server: { address: grpcAddress, api_url: restUrl, reconnect_delay_seconds: 1 },
      devices: { share_gpu: false, cpu_cores: 1 },
      account: { token: owner.token },
    };
    const online = Promise.withResolvers<void>();
    const node = await createServerNode(parseNodeConfig(tables, { source: name, env: {} }), {
      clock,
      logger: logs,
      random: Math.random,
      driver: { ...driver, calibrator: () => held.calibrator() },
      onFirstOnline: online.resolve,
    });
    const stopping = new AbortController();
    const ended = node.run(stopping.signal);
    const stop = async (): Promise<void> => {
      stopping.abort();
      await ended;
      await node[Symbol.asyncDispose]();
    };
    await Promise.race([online.promise, ended]);
    return {
      id: node.nodeId,
      get asked() {
        return held.begun;
      },
      [Symbol.asyncDispose]: stop,
    };
  }

  /** A node's only device, as anybody may see it. */
  async device({ id }: { readonly id: string }): Promise<Device> {
    const schema = publicNodesSchema;
    const { nodes } = await this.#made.user.rest.call("GET", "/api/nodes", { schema });
    const node = nodes.find(({ node_id }) => node_id === id);
    return defined(node?.devices[0], `the device of ${id}`);
  }

  quote({ id }: { readonly id: string }, device: "any" | "gpu" = "any"): Promise<Quote> {
    const { user, dataset } = this.#made;
    const body: QuoteRequest = {
      graph: WIDE_GRAPH,
      dataset,
      settings: { batch_size: 32, epochs: WIDE_EPOCHS },
      requirements: { device, node_id: id, verification: "required" },
    };
    return user.rest.call("POST", "/api/quotes", { body, schema: quoteSchema });
  }

  async submit(quoteId: string): Promise<string> {
    const body = { quote_id: quoteId, job_id: randomUUID() };
    return (await this.#made.user.rest.call("POST", "/api/jobs", { body, schema: jobSchema })).job_id;
  }

  job(jobId: string): Promise<Job> {
    return this.#made.user.job(jobId);
  }

  async cancel(jobId: string): Promise<void> {
    await this.#made.user.rest.call("POST", `/api/jobs/${jobId}/cancel`, { body: {}, schema: jobSchema });
  }

  /** What the server's log says of a node. */
  logged(message: string, { id }: { readonly id: string }): readonly object[] {
    return this.logs.lines
      .filter((line) => line.message === message && line.fields["nodeId"] === id)
      .map(({ fields }) => fields);
  }

  /** Time passes, less than makes a node count as silent, and every node says that it lives. */
  async leap(ms: number): Promise<void> {
    this.clock.leap(ms);
    await Promise.all(this.#nodes.filter((node) => !node.isStopped).map((node) => node.beat()));
    await sleep(POLL_MS);
  }

  /** Lets time pass in which nobody is asked. */
  async skip(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= SKIP_MS) await this.leap(Math.min(left, SKIP_MS));
  }

  /** Lets time pass until a count of what was asked rises. While a challenge is computed no time is skipped. */
  async untilAsked(count: () => number): Promise<void> {
    const before = count();
    for (let leap = 0; leap < LEAPS; leap++) {
      if (count() > before) return;
      await this.leap(LEAP_MS);
    }
    throw new Error(`nothing was asked in ${(LEAPS * LEAP_MS) / 1_000} seconds`);
  }

  /** The device after the node's next challenge. */
  async challenged(node: AskedNode): Promise<Device> {
    const before = await this.device(node);
    await this.untilAsked(() => node.asked);
    return this.measured(node, before);
  }

  /** The device as soon as it has passed a challenge that it had not passed before. */
  measured(node: AskedNode, before: Device): Promise<Device> {
    return this.until(
      () => this.device(node),
      ({ calibration }) => calibration.challenged_at !== before.calibration.challenged_at,
    );
  }

  /** Asks again and again, for a bounded time. */
  async until<T>(read: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
    for (let poll = 0; poll < POLLS; poll++) {
      const value = await read();
      if (isSo(value)) return value;
      await sleep(POLL_MS);
    }
    throw new Error(`it did not come to hold: ${JSON.stringify(await read())}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Never near zero: no interval that is drawn from it ends while a test waits for another challenge. */
function random(): number {
  return 0.01 + 0.99 * Math.random();
}

function serverConfig(folder: string): string {
  return [
    "[server]",
    'grpc_address = "127.0.0.1:0"',
    'rest_address = "127.0.0.1:0"',
    "[database]",
    `url = "embedded:${folder.replaceAll("\\", "/")}"`,
    "[payments]",
    "faucet = true",
    "[scheduler]",
    "polling_interval_ms = 200",
  ].join("\n");
}
