/** A node of the test's market, in the test's process: the real program, with a driver that may lie. */
import { join } from "node:path";
import { systemClock, type Logger } from "@cyxwiz/platform";
import { createServerNode, parseNodeConfig, type ServerNode } from "@cyxwiz/server-node";
import type { CentralLink } from "../../../apps/server-node/src/central/central-link.ts";
import { createGrpcLink } from "../../../apps/server-node/src/central/grpc-link.ts";
import type { NodeMessage } from "../../../apps/server-node/src/central/messages.ts";
import type { TrainingDriver } from "../../../apps/server-node/src/jobs/trainer.ts";
import type { Account } from "./account.ts";
import type { Deceptions } from "./deception.ts";
import { startInProcess } from "./in-process-trainer.ts";
import { lyingTrainer } from "./lie.ts";

/** Of every node alike, so that each one's price fits a quote for another; nothing is measured. */
const FLOPS_PER_SECOND = 1e9;

export interface MarketNodeOptions {
  readonly name: string;
  /** Undefined: the platform. */
  readonly owner: Account | undefined;
  readonly ownerToken: string;
  readonly folder: string;
  readonly grpcAddress: string;
  readonly restUrl: string;
  readonly driver: TrainingDriver;
  readonly deceptions: Deceptions;
  readonly logger: Logger;
}

interface Running {
  readonly node: ServerNode;
  readonly stopping: AbortController;
  readonly ended: Promise<void>;
}

export class MarketNode implements AsyncDisposable {
  readonly name: string;
  readonly owner: Account | undefined;
  readonly #options: MarketNodeOptions;
  #running: Running | undefined;
  id = "";

  constructor(options: MarketNodeOptions) {
    this.name = options.name;
    this.owner = options.owner;
    this.#options = options;
  }

  /** Returns when the server may give it work. */
  async start(): Promise<void> {
    const { driver, deceptions, logger } = this.#options;
    const online = Promise.withResolvers<void>();
    const node = await createServerNode(this.#config(), {
      clock: systemClock,
      logger,
      random: Math.random,
      driver: lyingDriver(driver, deceptions, this.name),
      openLink: (address) => this.#link(createGrpcLink(address)),
      onFirstOnline: online.resolve,
    });
    const stopping = new AbortController();
    const ended = node.run(stopping.signal);
    this.#running = { node, stopping, ended };
    this.id = node.nodeId;
    await Promise.race([online.promise, ended]);
  }

  /** Drains it: what it does is handed over with a last checkpoint. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (!running) return;
    running.stopping.abort();
    await running.ended;
    await running.node[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #config(): ReturnType<typeof parseNodeConfig> {
    const { name, folder, grpcAddress, restUrl, ownerToken } = this.#options;
    const tables = {
      node: { name, data_dir: join(folder, name) },
      central_server: { address: grpcAddress, api_url: restUrl, reconnect_delay_seconds: 1 },
      devices: { share_gpu: false, cpu_cores: 1, price_per_hour: { cpu: "1000" } },
      account: { token: ownerToken },
    };
    return parseNodeConfig(tables, { source: name, env: {} });
  }

  /** Reports pass through the lie, if there is one. What units can do has tests of its own: challenges are put off. */
  #link(link: CentralLink): CentralLink {
    const changed = (message: NodeMessage): NodeMessage => {
      if (message.kind === "calibration") return { ...message, answer: { ...message.answer, busy: true, code: "" } };
      if (message.kind === "hello") return message;
      const change = this.#options.deceptions.reports(this.name);
      return change ? { ...message, report: change(message.report) } : message;
    };
    async function* through(outgoing: AsyncIterable<NodeMessage>): AsyncGenerator<NodeMessage> {
      for await (const message of outgoing) yield changed(message);
    }
    return {
      register: link.register,
      heartbeat: link.heartbeat,
      streamTasks: (outgoing, credential, signal) => link.streamTasks(through(outgoing), credential, signal),
      [Symbol.asyncDispose]: async () => link[Symbol.asyncDispose](),
    };
  }
}

function lyingDriver(real: TrainingDriver, deceptions: Deceptions, node: string): TrainingDriver {
  const { build, hardwareClass, lowerings } = real.abilities;
  const [lowering = ""] = lowerings;
  return {
    ...real,
    start: lyingTrainer(
      (job, options) => (deceptions.isQuick(job) ? startInProcess(job) : real.start(job, options)),
      (job) => deceptions.begin(job, node),
    ),
    calibrator: () => ({
      compute: () => Promise.reject(new Error("put off")),
      [Symbol.asyncDispose]: async () => undefined,
    }),
    measure: async () => ({ trainFlopsPerSecond: FLOPS_PER_SECOND, lowering, build, hardwareClass }),
  };
}
