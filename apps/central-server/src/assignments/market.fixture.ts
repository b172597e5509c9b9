/**
 * The whole market on a fresh database, an object store in memory and a clock that only the test moves, for tests.
 *
 * Background loops do not run: a test calls `schedule`, `sweep`, `settle` when it means them, so every interleaving is
 * the one that is written down.
 */
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createContextValues } from "@connectrpc/connect";
import { amount, assert, type Cid, type NodeId, type UserId } from "@cyxwiz/primitives";
import { MemoryLogger, nodeIdOfPublicKey, VirtualClock } from "@cyxwiz/platform";
import { MemoryObjectStore } from "@cyxwiz/cyxcloud";
import { LOWERING, mlp, writeCyxwiz } from "@cyxwiz/graph";
import { userAccount } from "@cyxwiz/market";
import type { Job, QuoteRequest } from "@cyxwiz/protocol/rest";
import type { RpcContext } from "@cyxwiz/protocol/server";
import { createAuthenticator } from "../accounts/authenticator.ts";
import { ensurePlatformAccount } from "../accounts/platform-account.ts";
import { authenticateCalls } from "../accounts/rpc-authentication.ts";
import { createTokenIssuer } from "../accounts/token-issuer.ts";
import { createTestDatabase, type TestDatabase } from "../database/database.fixture.ts";
import { registrationMessage } from "../machines/node-identity.ts";
import { recover, wireMarket, type Market } from "../market-features.ts";
import { EscrowService, SETTLE_KIND } from "../payments/escrow-service.ts";
import { REWARD_KIND, VerifierRewards } from "../payments/verifier-rewards.ts";
import { marketKey } from "../receipts/market-key.ts";
import { createLedgerRail } from "../payments/ledger-rail.ts";
import { Outbox } from "../payments/outbox.ts";
import { createAuthenticatedHooks } from "../rest/authenticated.ts";
import { createRestApp, type RestApp } from "../rest/rest-app.ts";
import type { ServerContext } from "../server-context.ts";
import { TestNode } from "./node.fixture.ts";

export interface TestUser {
  readonly id: UserId;
  readonly token: string;
}

export interface TestMachine {
  readonly nodeId: NodeId;
  readonly apiKey: string;
  readonly unitIds: readonly string[];
}

export interface MachineOptions {
  readonly name?: string;
  readonly fingerprint?: string;
  /** How many CPUs, each a unit; 1 when absent. */
  readonly cpus?: number;
  readonly cores?: number;
  readonly coresShared?: number;
  readonly pricePerHour?: string;
  readonly keys?: { readonly publicKey: Uint8Array; readonly sign: (message: string) => Buffer };
}

export interface MarketOptions {
  readonly verification?: Partial<ServerContext["config"]["verification"]>;
  readonly secureRandom?: () => number;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: { readonly [field: string]: unknown };
}

const SECRET = new TextEncoder().encode("a secret that only these tests know");

export class TestMarket implements AsyncDisposable {
  readonly context: ServerContext;
  readonly clock: VirtualClock;
  readonly logger: MemoryLogger;
  readonly store: MemoryObjectStore;
  readonly app: RestApp;
  readonly outbox: Outbox;
  market: Market;
  readonly #database: TestDatabase;
  readonly #nodes: TestNode[] = [];
  #users = 0;

  private constructor(parts: {
    database: TestDatabase;
    context: ServerContext;
    clock: VirtualClock;
    logger: MemoryLogger;
    outbox: Outbox;
    app: RestApp;
    store: MemoryObjectStore;
    market: Market;
  }) {
    this.#database = parts.database;
    this.context = parts.context;
    this.clock = parts.clock;
    this.logger = parts.logger;
    this.outbox = parts.outbox;
    this.app = parts.app;
    this.store = parts.store;
    this.market = parts.market;
  }

  /** Results are not checked unless `options` say so. */
  static async create(options: MarketOptions = {}): Promise<TestMarket> {
    const database = await createTestDatabase();
    const { db } = database;
    const clock = new VirtualClock();
    await ensurePlatformAccount(db, clock);
    const logger = new MemoryLogger();
    const random = seededRandom();
    const rail = createLedgerRail({ db, clock, random });
    const handlers = {
      [SETTLE_KIND]: async (payload: unknown): Promise<void> => escrows.confirmSettlement(payload),
      [REWARD_KIND]: async (payload: unknown): Promise<void> => rewards.confirm(payload),
    };
    const outbox = new Outbox({ db, clock, logger, random, handlers });
    const rewards = new VerifierRewards({ clock, rail, outbox });
    const escrows = new EscrowService({ db, clock, random, rail, outbox });
    const authenticator = createAuthenticator({ db, secret: SECRET, clock });
    const context: ServerContext = {
      config: { ...TEST_CONFIG, verification: { ...TEST_CONFIG.verification, ...options.verification } },
      db,
      clock,
      logger,
      random,
      secureRandom: options.secureRandom ?? random,
      authenticator,
      tokens: createTokenIssuer(SECRET, clock),
      hooks: createAuthenticatedHooks(authenticator),
      rail,
      escrows,
      rewards,
      key: marketKey(generateKeyPairSync("ed25519").privateKey),
      dataFolder: "(none)",
    };
    const store = new MemoryObjectStore();
    const market = wireMarket(context, store);
    const app = await createRestApp({ logger, version: "0.0.0", allowedOrigins: [] });
    market.routes(app);
    return new TestMarket({ database, context, clock, logger, outbox, app, store, market });
  }

  /** A user with tokens, which were taken from the faucet. */
  async user(tokens: bigint = 1_000n): Promise<TestUser> {
    const id = randomUUID() as UserId;
    const name = `user${this.#users++}`;
    await this.context.db
      .insertInto("users")
      .values({
        id,
        email: `${name}@example.org`,
        username: name,
        name,
        password_hash: "(none)",
        wallet_address: null,
        created_at: new Date(this.clock.now()),
      })
      .execute();
    if (tokens > 0n) {
      await this.context.rail.faucet({ to: id, amount: amount(tokens * 1_000_000_000n), idempotencyKey: `gift:${id}` });
    }
    return this.login({ id });
  }

  /** A fresh token. */
  async login({ id }: Pick<TestUser, "id">): Promise<TestUser> {
    const email = `${id}@example.org`;
    const { token } = await this.context.tokens.issueUserToken({ userId: id, email, role: "user" });
    return { id, token };
  }

  async balance(user: TestUser): Promise<bigint> {
    return this.context.rail.balance(userAccount(user.id));
  }

  /** The body of a registration of a machine whose CPUs are all shared. */
  registrationBody(owner: TestUser, options: MachineOptions = {}): Record<string, unknown> {
    const { publicKey, sign: proof } = options.keys ?? newKeys();
    const machineId = nodeIdOfPublicKey(publicKey);
    const cores = options.cores ?? 4;
    const deviceIds = Array.from({ length: options.cpus ?? 1 }, (_, index) => index);
    return {
      machine_id: machineId,
      public_key: Buffer.from(publicKey).toString("hex"),
      proof: proof(registrationMessage(machineId, owner.id)).toString("hex"),
      name: options.name ?? "machine",
      hostname: "host",
      os: "Linux",
      ip_address: "192.0.2.1",
      ...(options.fingerprint !== undefined && { fingerprint: options.fingerprint }),
      hardware: {
        cpus: deviceIds.map((device_id) => ({ device_id, name: "CPU", cores })),
        gpus: [],
        ram_total_gb: 16,
        storage_total_gb: 100,
      },
      compute_units: deviceIds.map((device_id) => ({
        device_type: "cpu",
        device_id,
        allocation: { cores_allocated: options.coresShared ?? cores, memory_allocated_mb: 1_024 },
        ...(options.pricePerHour !== undefined && { price_per_hour: options.pricePerHour }),
        benchmark: { train_flops_per_second: 1e9, lowering: LOWERING, build: "test-1", hardware_class: "test-cpu" },
      })),
    };
  }

  async register(owner: TestUser, options: MachineOptions = {}): Promise<TestMachine> {
    const answer = await this.send("POST", "/api/nodes/register", {
      token: owner.token,
      body: this.registrationBody(owner, options),
    });
    assert(answer.status === 200, `registration answered ${answer.status}: ${answer.text}`);
    const body = answer.body as unknown as { node_id: NodeId; api_key: string; compute_units: { unit_id: string }[] };
    return { nodeId: body.node_id, apiKey: body.api_key, unitIds: body.compute_units.map((unit) => unit.unit_id) };
  }

  /** Opens the machine's task stream and waits for the welcome. */
  async connect(machine: TestMachine, running: TestNode["running"] = []): Promise<TestNode> {
    const node = new TestNode(this, machine, running);
    this.#nodes.push(node);
    await node.receive("welcome");
    return node;
  }

  async upload(token: string, bytes: Uint8Array | string): Promise<{ cid: Cid; sizeBytes: number }> {
    const answer = await this.send("POST", "/api/objects", {
      token,
      body: Buffer.from(bytes),
      headers: { "content-type": "application/octet-stream" },
    });
    const body = answer.body as unknown as { cid: Cid; size_bytes: number };
    return { cid: body.cid, sizeBytes: body.size_bytes };
  }

  /** A quote request for 100 samples in batches of 10 over 10 epochs: 100 steps, a checkpoint every 5, as this market asks for at least. */
  async quoteRequest(user: TestUser): Promise<QuoteRequest> {
    const dataset = await this.upload(user.token, "a dataset");
    return {
      graph: writeCyxwiz(mlp({ name: "small", hidden: [8], outputs: 3, task: "classify" })),
      dataset: {
        cid: dataset.cid,
        size_bytes: dataset.sizeBytes,
        train_samples: 100,
        test_samples: 0,
        sample_shape: [4],
        classes: 3,
        target_shape: [],
      },
      settings: { batch_size: 10, epochs: 10, checkpoint_every_steps: 5 },
      requirements: { device: "any", verification: "required" },
    };
  }

  /** Quotes and submits the job of `quoteRequest`. */
  async submit(
    user: TestUser,
    change: Partial<QuoteRequest> = {},
  ): Promise<{ readonly jobId: string; readonly quoteId: string; readonly amount: string }> {
    const quote = await this.send("POST", "/api/quotes", {
      token: user.token,
      body: { ...(await this.quoteRequest(user)), ...change },
    });
    assert(quote.status === 200, `the quote answered ${quote.status}: ${quote.text}`);
    const { quote_id, amount } = quote.body as unknown as { quote_id: string; amount: string };
    const job = await this.send("POST", "/api/jobs", { token: user.token, body: { quote_id } });
    assert(job.status === 200, `the job answered ${job.status}: ${job.text}`);
    return { jobId: (job.body as unknown as { job_id: string }).job_id, quoteId: quote_id, amount };
  }

  async job(user: TestUser, jobId: string): Promise<Job> {
    return (await this.send("GET", `/api/jobs/${jobId}`, { token: user.token })).body as Job;
  }

  /** One pass of the scheduler. */
  async schedule(): Promise<void> {
    await this.market.work.scheduler.pass();
  }

  /** Runs the scheduler's loop until it is disposed. Its clock stands still, so only wakes make it look. */
  runScheduler(): AsyncDisposable {
    const stopping = new AbortController();
    const running = this.market.work.scheduler.run(stopping.signal);
    return {
      [Symbol.asyncDispose]: async () => {
        stopping.abort();
        await running;
      },
    };
  }

  /** One pass of the outbox: what is due is paid. */
  async settle(): Promise<void> {
    await this.outbox.drain(new AbortController().signal);
  }

  /** Moves time, then looks for silent nodes and expired leases, once. */
  async pass(ms: number): Promise<void> {
    await this.market.work.flush();
    await this.clock.advance(ms);
    await this.market.machines.heartbeats.sweep();
    await this.market.machines.heartbeats.sweepInactive();
    await this.market.work.leases.sweep();
  }

  /** Loses everything that is only in memory, as a restart does. */
  async restart(): Promise<void> {
    this.market.work.streams.drain("restart");
    this.market = wireMarket(this.context, this.store);
    await recover(this.market);
  }

  async send(
    method: "GET" | "POST" | "PUT" | "HEAD",
    url: string,
    options: { readonly token?: string; readonly body?: unknown; readonly headers?: Record<string, string> } = {},
  ): Promise<RestAnswer> {
    const { token, body, headers } = options;
    const answer = await this.app.inject({
      method,
      url,
      headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { payload: body as object }),
    });
    const isJson = String(answer.headers["content-type"]).includes("json");
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.payload,
      body: isJson ? answer.json() : {},
    };
  }

  /** Calls an RPC handler as its adapter would: the interceptor first. */
  async rpcContext(
    method: string,
    token: string,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<RpcContext> {
    const context: RpcContext = {
      method,
      metadata: { get: (name) => (name === "authorization" ? `Bearer ${token}` : undefined) },
      peer: "192.0.2.1:40000",
      signal,
      requestId: randomUUID(),
      values: createContextValues(),
    };
    await authenticateCalls(this.context.authenticator)(context);
    return context;
  }

  /** A handler by the service's name and the method's local name. */
  handler(service: string, method: string): (input: unknown, context: RpcContext) => unknown {
    const found = this.market.services.find((one) => one.service.typeName === `cyxwiz.protocol.${service}`);
    const handler = found?.handlers[method];
    assert(handler !== undefined, `${service}.${method} is not implemented`);
    return handler as (input: unknown, context: RpcContext) => unknown;
  }

  /** Calls a unary method as this caller. */
  async call(
    method: `${string}.${string}`,
    token: string,
    request: object,
  ): Promise<{ readonly [field: string]: unknown }> {
    const [service = "", name = ""] = method.split(".");
    const context = await this.rpcContext(`cyxwiz.protocol.${service}/${name}`, token);
    return (await this.handler(service, name)(request, context)) as { readonly [field: string]: unknown };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node.close();
    await this.app.close();
    await this.#database[Symbol.asyncDispose]();
  }
}

export function newKeys(): NonNullable<MachineOptions["keys"]> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return { publicKey: raw, sign: (message) => sign(null, Buffer.from(message), privateKey) };
}

const TEST_CONFIG: ServerContext["config"] = {
  server: { grpcAddress: "127.0.0.1:0", restAddress: "127.0.0.1:0", allowedOrigins: [], dataFolder: "(none)" },
  database: { url: "(test)", maxConnections: 8 },
  redis: { url: undefined },
  blockchain: { network: "ledger" },
  scheduler: { pollingIntervalMs: 5_000, maxJobsPerNode: 5, timeoutSeconds: 3_600 },
  jwt: { secret: undefined, p2pTokenExpirationSeconds: 3_600 },
  payments: { faucet: true, cancelRefund: "uncommitted" },
  verification: {
    checkpoints: 20,
    isEnabled: false,
    waitMs: 600_000,
    auditedShare: 0,
    establishedSuccesses: 0,
    canariesPerDay: 0,
  },
  logging: { level: "silent" },
};

/** A linear congruential sequence: ids differ, and every run draws the same. */
function seededRandom(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
