/**
 * What the RPC benchmark runs against: a Central Server process with its embedded database, nodes that are registered,
 * hold their task streams and beat, users with money, and quotes that wait to be submitted.
 */
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalMarket } from "@cyxwiz/cli";
import { LOWERING, mlp, writeCyxwiz } from "@cyxwiz/graph";
import { nodeIdOfPublicKey } from "@cyxwiz/platform";
import { createRpcClients, type RpcConnection } from "@cyxwiz/protocol/client";
import {
  quoteSchema,
  registerNodeResponseSchema,
  RestClient,
  sessionSchema,
  storedObjectSchema,
  walletSchema,
  type QuoteRequest,
} from "@cyxwiz/protocol/rest";

export interface BusyMarketOptions {
  readonly nodes: number;
  readonly users: number;
}

export interface MarketNode {
  readonly nodeId: string;
  readonly unitId: string;
  /** The node's newest token; the server renews it in answers to beats. */
  token: string;
}

export interface MarketUser {
  readonly userId: string;
  readonly token: string;
}

export interface WaitingQuote {
  readonly quoteId: string;
  readonly user: MarketUser;
}

const CORES = 8;
const FAUCET_AMOUNT = "10000";
/** A silent node is offline after 15 s. */
const BEAT_MS = 5_000;
/** Requests of the preparation that are in flight at once. */
const PREPARING_AT_ONCE = 8;

export class BusyMarket implements AsyncDisposable {
  readonly grpcAddress: string;
  readonly users: readonly MarketUser[];
  readonly #rest: string;
  readonly #released: AsyncDisposableStack;

  private constructor(market: LocalMarket, users: readonly MarketUser[], released: AsyncDisposableStack) {
    this.grpcAddress = market.grpcAddress;
    this.#rest = market.restUrl;
    this.users = users;
    this.#released = released;
  }

  static async start({ nodes, users }: BusyMarketOptions): Promise<BusyMarket> {
    await using starting = new AsyncDisposableStack();
    const dataDir = await mkdtemp(join(tmpdir(), "cyxwiz-bench-rpc-"));
    starting.defer(() => rm(dataDir, { recursive: true, force: true }));
    const market = starting.use(await LocalMarket.start({ dataDir, nodes: [], onProgress: () => undefined }));
    const signedUp = await inParallel(users, (index) => signUp(market.restUrl, index));
    const busy = new BusyMarket(market, signedUp, starting.move());
    try {
      await inParallel(nodes, (index) => busy.#addNode(index));
      return busy;
    } catch (error) {
      await busy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Nodes in the order of their registration. */
  readonly nodes: MarketNode[] = [];

  /** Fresh quotes for a small network, shared out among the users. */
  async quotes(count: number): Promise<readonly WaitingQuote[]> {
    const requests = await Promise.all(this.users.map((user) => quoteRequest(this.#client(user.token))));
    return await inParallel(count, async (index) => {
      const user = this.users[index % this.users.length] as MarketUser;
      const body = requests[index % this.users.length];
      const quote = await this.#client(user.token).call("POST", "/api/quotes", { body, schema: quoteSchema });
      return { quoteId: quote.quote_id, user };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#released.disposeAsync();
  }

  #client(token: string): RestClient {
    return new RestClient({ baseUrl: this.#rest, token: () => token });
  }

  /** Registers a node, takes its token from a first heartbeat, and opens its task stream. */
  async #addNode(index: number): Promise<void> {
    const owner = this.users[index % this.users.length] as MarketUser;
    const body = registration(index, owner.userId);
    const schema = registerNodeResponseSchema;
    const answer = await this.#client(owner.token).call("POST", "/api/nodes/register", { body, schema });
    const clients = createRpcClients({ grpcAddress: this.grpcAddress, token: () => answer.api_key });
    this.#released.use(clients);
    const node = { nodeId: answer.node_id, unitId: answer.compute_units[0]?.unit_id ?? "", token: "" };
    await beat(clients, node);
    await openStream(clients, node.nodeId, this.#released);
    const timer = setInterval(() => void beat(clients, node).catch(() => undefined), BEAT_MS);
    this.#released.defer(() => clearInterval(timer));
    this.nodes.push(node);
  }
}

async function signUp(restUrl: string, index: number): Promise<MarketUser> {
  const body = { email: `user${index}@bench.local`, username: `user${index}`, password: randomUUID() };
  const session = await new RestClient({ baseUrl: restUrl }).call("POST", "/api/auth/register", {
    body,
    schema: sessionSchema,
  });
  const client = new RestClient({ baseUrl: restUrl, token: () => session.token });
  await client.call("POST", "/api/wallet/faucet", {
    body: { amount: FAUCET_AMOUNT },
    schema: walletSchema,
    idempotencyKey: randomUUID(),
  });
  return { userId: session.user.id, token: session.token };
}

function registration(index: number, ownerId: string): object {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  const machineId = nodeIdOfPublicKey(raw);
  return {
    machine_id: machineId,
    public_key: raw.toString("hex"),
    proof: sign(null, Buffer.from(`cyxwiz-register:${machineId}:${ownerId}`), privateKey).toString("hex"),
    name: `bench-${index}`,
    hostname: `bench-${index}`,
    os: "linux",
    ip_address: "127.0.0.1",
    region: "local",
    hardware: {
      cpus: [{ device_id: 0, name: "Benchmark CPU", cores: CORES }],
      gpus: [],
      ram_total_gb: 32,
      storage_total_gb: 500,
    },
    compute_units: [
      {
        device_type: "cpu",
        device_id: 0,
        allocation: { cores_allocated: CORES, memory_allocated_mb: 16_384 },
        price_per_hour: "0.5",
        benchmark: { train_flops_per_second: 5e10, lowering: LOWERING, build: "bench", hardware_class: "bench" },
      },
    ],
  };
}

async function beat(clients: RpcConnection, node: MarketNode): Promise<void> {
  const { nodeToken } = await clients.nodes.heartbeat({ nodeId: node.nodeId });
  if (nodeToken !== "") node.token = nodeToken;
}

/** The node says hello and then listens, as an idle node does. It takes no assignment: work stays with the queue. */
async function openStream(clients: RpcConnection, nodeId: string, released: AsyncDisposableStack): Promise<void> {
  const stop = new AbortController();
  released.defer(() => stop.abort());
  const closed = new Promise<void>((resolve) => {
    stop.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  async function* outgoing(): AsyncGenerator<{ message: { case: "hello"; value: object } }> {
    const value = { nodeId, build: "bench", lowerings: [LOWERING], hardwareClass: "bench" };
    yield { message: { case: "hello", value } };
    await closed;
  }
  const incoming = clients.nodes.streamTasks(outgoing(), { signal: stop.signal })[Symbol.asyncIterator]();
  await incoming.next();
  const listen = async (): Promise<void> => {
    for (let next = await incoming.next(); next.done !== true; next = await incoming.next());
  };
  // The stream ends with the benchmark, by its abort.
  void listen().catch(() => undefined);
}

/** The network of the iris example, over an object of this user's. */
async function quoteRequest(client: RestClient): Promise<QuoteRequest> {
  const bytes = Buffer.alloc(4_096, 1);
  async function* object(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  const stored = await client.upload("/api/objects", object(), { schema: storedObjectSchema });
  return {
    graph: writeCyxwiz(mlp({ outputs: 3, task: "classify", hidden: [16, 16] })),
    dataset: {
      cid: stored.cid,
      size_bytes: bytes.length,
      train_samples: 120,
      test_samples: 30,
      sample_shape: [4],
      classes: 3,
      target_shape: [],
    },
    settings: { batch_size: 8, epochs: 20 },
    requirements: { device: "any", verification: "required" },
  };
}

async function inParallel<T>(count: number, run: (index: number) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await run(index);
    }
  };
  await Promise.all(Array.from({ length: PREPARING_AT_ONCE }, work));
  return results;
}
