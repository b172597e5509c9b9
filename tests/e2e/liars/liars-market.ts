/**
 * A whole market in the test's own process: a Central Server with its database, the nodes of several owners and the
 * platform's own, on loopback. Work is done by the real trainer in child processes, except where a node lies.
 */
import { randomInt, randomUUID } from "node:crypto";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeDataset, writeDataset } from "@cyxwiz/backend";
import { configFrom, createCentralServer } from "@cyxwiz/central-server";
import { MemoryLogger, systemClock } from "@cyxwiz/platform";
import { defined } from "@cyxwiz/primitives";
import { jobSchema, quoteSchema, type Job, type QuoteRequest } from "@cyxwiz/protocol/rest";
import { createBackendDriver } from "../../../apps/server-node/src/jobs/backend-driver.ts";
import { Account } from "./account.ts";
import { Deception, Deceptions, type Lies } from "./deception.ts";
import { MarketNode } from "./market-node.ts";
import { SMALL_GRAPH, smallDataset } from "./small-job.ts";

const POLL_MS = 20;
const POLLS = 2_000;
export const PLATFORM = "platform";

export interface MarketOptions {
  /** Each has one node of that name. The platform has one too. */
  readonly owners: readonly string[];
  /** Of the jobs, how many two verifiers have to agree on. */
  readonly auditPercent: number;
}

export interface JobOptions extends Lies {
  /** Steps are ⌊64 ÷ batch⌋ × epochs; 4 unless said. */
  readonly batchSize?: number;
  readonly epochs?: number;
  readonly nodeId?: string;
  /** The user unless said. */
  readonly payer?: Account;
}

/** A job that is over, and who lied about it. */
export interface Told {
  readonly job: Job;
  readonly deception: Deception;
}

export class LiarsMarket implements AsyncDisposable {
  readonly user: Account;
  readonly nodes: readonly MarketNode[];
  readonly folder: string;
  readonly logs: MemoryLogger;
  /** Those that ended, in the order of their ends. */
  readonly jobs: Job[] = [];
  readonly #stack: AsyncDisposableStack;
  readonly #restUrl: string;
  readonly #deceptions: Deceptions;
  readonly #dataset: QuoteRequest["dataset"];

  private constructor(made: Made, stack: AsyncDisposableStack) {
    this.user = made.user;
    this.nodes = made.nodes;
    this.folder = made.folder;
    this.logs = made.logs;
    this.#restUrl = made.restUrl;
    this.#deceptions = made.deceptions;
    this.#dataset = made.dataset;
    this.#stack = stack;
  }

  static async start({ owners, auditPercent }: MarketOptions): Promise<LiarsMarket> {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "cyxwiz-liars-"));
    // Passable, not listable: started by root, the database runs as another user and must reach its own folder.
    await chmod(folder, 0o711);
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const logs = new MemoryLogger();
    const serverFolder = join(folder, "central-server");
    const config = configFrom(serverConfig(serverFolder, auditPercent), {});
    const { restUrl, grpcAddress } = stack.use(
      await createCentralServer(config, { clock: systemClock, logger: logs, random: Math.random }),
    );
    const deceptions = new Deceptions();
    const shared = {
      folder,
      restUrl,
      grpcAddress,
      driver: await createBackendDriver(logs),
      deceptions,
      logger: logs,
    };
    const accounts = await Promise.all(owners.map((name) => Account.open(restUrl, name)));
    const platformToken = await readFile(join(serverFolder, "platform-token"), "utf8");
    const nodes = [
      ...accounts.map((owner, index) => {
        return new MarketNode({ ...shared, name: defined(owners[index], "a name"), owner, ownerToken: owner.token });
      }),
      new MarketNode({ ...shared, name: PLATFORM, owner: undefined, ownerToken: platformToken }),
    ];
    stack.defer(async () => void (await Promise.all(nodes.map((node) => node.stop()))));
    await Promise.all(nodes.map((node) => node.start()));
    const user = await (await Account.open(restUrl, "user")).fund();
    const dataset = await uploadDataset(user, join(folder, "dataset.safetensors"));
    return new LiarsMarket({ folder, logs, restUrl, deceptions, nodes, user, dataset }, stack.move());
  }

  account(username: string): Promise<Account> {
    return Account.open(this.#restUrl, username);
  }

  node(nameOrId: string): MarketNode {
    return defined(
      this.nodes.find(({ name, id }) => name === nameOrId || id === nameOrId),
      `the node ${nameOrId}`,
    );
  }

  /** A job from its quote to its end, with everything paid. */
  async run(options: JobOptions = {}): Promise<Told> {
    const deception = new Deception(options);
    const seed = String(randomInt(2 ** 40));
    this.#deceptions.add(seed, deception);
    const job = await this.ended(await this.submit({ ...options, seed }), options.payer);
    this.#deceptions.end(seed);
    this.jobs.push(job);
    return { job, deception };
  }

  async submit({
    batchSize = 32,
    epochs = 2,
    nodeId,
    payer = this.user,
    seed,
  }: JobOptions & { readonly seed?: string }): Promise<string> {
    const body: QuoteRequest = {
      graph: SMALL_GRAPH,
      dataset: this.#dataset,
      settings: { batch_size: batchSize, epochs, ...(seed !== undefined && { seed }) },
      requirements: { device: "any", verification: "required", ...(nodeId !== undefined && { node_id: nodeId }) },
    };
    if (payer !== this.user) await payer.upload(join(this.folder, "dataset.safetensors"));
    const { quote_id } = await payer.rest.call("POST", "/api/quotes", { body, schema: quoteSchema });
    const request = { body: { quote_id, job_id: randomUUID() }, schema: jobSchema };
    return (await payer.rest.call("POST", "/api/jobs", request)).job_id;
  }

  async ended(jobId: string, payer: Account = this.user): Promise<Job> {
    return this.until(jobId, ({ payment }) => payment.escrow_state === "SETTLED", payer);
  }

  /** Asks again and again, for a bounded time. */
  async until(jobId: string, isSo: (job: Job) => boolean, payer: Account = this.user): Promise<Job> {
    for (let poll = 0; poll < POLLS; poll++) {
      const job = await payer.job(jobId);
      if (isSo(job)) return job;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const { state, waiting_because, events } = await payer.job(jobId);
    const story = events.map(({ message }) => message).join("\n");
    throw new Error(`job ${jobId} is ${state} (${waiting_because ?? "waits for nothing"}):\n${story}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

type Made = Pick<LiarsMarket, "user" | "nodes" | "folder" | "logs"> & {
  readonly restUrl: string;
  readonly deceptions: Deceptions;
  readonly dataset: QuoteRequest["dataset"];
};

function serverConfig(folder: string, auditPercent: number): string {
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
    "[verification]",
    "wait_seconds = 60",
    `audit_percent = ${auditPercent}`,
    // Fresh nodes may check here: whose word decides is tested with the server.
    "established_successes = 0",
  ].join("\n");
}

async function uploadDataset(account: Account, path: string): Promise<QuoteRequest["dataset"]> {
  await writeDataset(path, smallDataset());
  const { trainSamples, testSamples, sampleShape, classes } = await describeDataset(path);
  return {
    ...(await account.upload(path)),
    train_samples: trainSamples,
    test_samples: testSamples,
    sample_shape: [...sampleShape],
    classes,
    target_shape: [],
  };
}
