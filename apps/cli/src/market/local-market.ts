/**
 * A whole market on this computer: the Central Server with its embedded database, and three Server Nodes, each its own
 * process with its own key, owner, price and allocation.
 *
 * The nodes share one computer's processor, and the scheduler knows it by their fingerprint: together they never sell more
 * cores than it has.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defined, errorMessage } from "@cyxwiz/primitives";
import { z } from "zod";
import { MarketClient } from "../client/market-client.ts";
import { ChildProgram } from "./child-program.ts";
import { preferredOrAnyPort } from "./free-port.ts";

const appPath = (app: string): string => fileURLToPath(new URL(`../../../${app}/src/main.ts`, import.meta.url));

const serverReadySchema = z.object({ kind: z.literal("ready"), restUrl: z.url(), grpcAddress: z.string() });
const nodeReadySchema = z.object({ kind: z.literal("ready"), nodeId: z.uuid() });
const ownersSchema = z.record(z.string(), z.object({ email: z.string(), password: z.string() }));
type Owners = z.infer<typeof ownersSchema>;

/** What the three owners ask and share. Cores are a share of the computer's, at least one. */
export interface NodePlan {
  readonly name: string;
  readonly owner: string;
  readonly coreShare: number;
  readonly pricePerHour: string;
}

export const NODE_PLANS: readonly NodePlan[] = [
  { name: "node-alpha", owner: "olivia", coreShare: 1, pricePerHour: "0.06" },
  { name: "node-beta", owner: "boris", coreShare: 0.5, pricePerHour: "0.05" },
  { name: "node-gamma", owner: "grace", coreShare: 1, pricePerHour: "0.12" },
];

export interface LocalMarketOptions {
  readonly dataDir: string;
  readonly nodes: readonly NodePlan[];
  readonly onProgress: (message: string) => void;
  readonly signal?: AbortSignal;
}

export class LocalMarket implements AsyncDisposable {
  readonly restUrl: string;
  readonly grpcAddress: string;
  readonly #children: readonly ChildProgram<unknown>[];

  private constructor(
    server: ChildProgram<z.infer<typeof serverReadySchema>>,
    nodes: readonly ChildProgram<unknown>[],
  ) {
    this.restUrl = server.ready.restUrl;
    this.grpcAddress = server.ready.grpcAddress;
    this.#children = [server, ...nodes];
  }

  /** Starts the server, then all nodes at once. What was started is stopped again when a part fails. */
  static async start(options: LocalMarketOptions): Promise<LocalMarket> {
    // Passable, not listable: started by root, the database runs as another user and must reach its own folder.
    await mkdir(options.dataDir, { recursive: true, mode: 0o711 });
    await using started = new AsyncDisposableStack();
    options.onProgress("Starting the Central Server and its database …");
    const server = started.use(await startServer(options));
    if (options.nodes.length > 0) {
      options.onProgress(`Starting ${options.nodes.length} Server Nodes; each measures its speed …`);
    }
    const owners = await loadOwners(options, server.ready.restUrl);
    const nodes = await startAll(options, started, (plan, signal) =>
      startNode(plan, server.ready, owners, { ...options, signal }),
    );
    const market = new LocalMarket(server, nodes);
    started.move();
    return market;
  }

  /**
   * Waits until the Central Server ends by itself. A node that ends is told to `onNodeLost`: the market goes on without
   * it, and its work goes to the others. @throws AppError `cli/program-lost`, always.
   */
  async lost(onNodeLost: (reason: string) => void): Promise<never> {
    const [server, ...nodes] = this.#children;
    for (const node of nodes) node.lost().catch((error: unknown) => onNodeLost(errorMessage(error)));
    return await defined(server, "the Central Server").lost();
  }

  /** Nodes first, so that they can hand back their work to a server that still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    const [server, ...nodes] = this.#children;
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    await server?.[Symbol.asyncDispose]();
  }
}

async function startServer(options: LocalMarketOptions): Promise<ChildProgram<z.infer<typeof serverReadySchema>>> {
  const configPath = join(options.dataDir, "central-server.toml");
  const [grpcPort, restPort] = await Promise.all([preferredOrAnyPort(50_051), preferredOrAnyPort(8080)]);
  const config = [
    "[server]",
    `grpc_address = "127.0.0.1:${grpcPort}"`,
    `rest_address = "127.0.0.1:${restPort}"`,
    "[database]",
    `url = "embedded:${join(options.dataDir, "central-server").replaceAll("\\", "/")}"`,
    "[payments]",
    "faucet = true",
    "",
  ];
  await writeFile(configPath, config.join("\n"), { mode: 0o600 });
  return await ChildProgram.start({
    name: "the Central Server",
    program: appPath("central-server"),
    args: ["--config", configPath],
    logPath: join(options.dataDir, "logs", "central-server.log"),
    ready: serverReadySchema,
    ...(options.signal && { signal: options.signal }),
  });
}

/** Starts all nodes at once. When one fails the others are called off, and none is left behind. */
async function startAll<Node extends AsyncDisposable>(
  options: LocalMarketOptions,
  started: AsyncDisposableStack,
  start: (plan: NodePlan, signal: AbortSignal) => Promise<Node>,
): Promise<Node[]> {
  const oneFailed = new AbortController();
  const signal = AbortSignal.any([oneFailed.signal, ...(options.signal ? [options.signal] : [])]);
  const attempts = options.nodes.map(async (plan) => started.use(await start(plan, signal)));
  try {
    return await Promise.all(attempts);
  } catch (error) {
    oneFailed.abort(error);
    await Promise.allSettled(attempts);
    throw error;
  }
}

async function startNode(
  plan: NodePlan,
  server: z.infer<typeof serverReadySchema>,
  owners: Owners,
  options: LocalMarketOptions,
): Promise<ChildProgram<z.infer<typeof nodeReadySchema>>> {
  const configPath = join(options.dataDir, `${plan.name}.toml`);
  const cores = Math.max(1, Math.floor(availableParallelism() * plan.coreShare));
  const config = [
    "[node]",
    `name = "${plan.name}"`,
    `data_dir = "${join(options.dataDir, plan.name).replaceAll("\\", "/")}"`,
    "[central_server]",
    `address = "${server.grpcAddress}"`,
    `api_url = "${server.restUrl}"`,
    "[devices]",
    "share_cpu = true",
    `cpu_cores = ${cores}`,
    "[devices.price_per_hour]",
    `cpu = "${plan.pricePerHour}"`,
    "",
  ];
  await writeFile(configPath, config.join("\n"), { mode: 0o600 });
  const owner = owners[plan.owner];
  const token = owner && (await new MarketClient(server.restUrl).login(owner)).token;
  return await ChildProgram.start({
    name: plan.name,
    program: appPath("server-node"),
    args: ["--config", configPath, "--daemon"],
    env: { ...process.env, CYXWIZ_TOKEN: token },
    logPath: join(options.dataDir, "logs", `${plan.name}.log`),
    ready: nodeReadySchema,
    ...(options.signal && { signal: options.signal }),
  });
}

/** The owners' accounts, with random passwords that are made once and kept beside the market's data. */
async function loadOwners(options: LocalMarketOptions, restUrl: string): Promise<Owners> {
  const path = join(options.dataDir, "owners.json");
  if (existsSync(path)) return ownersSchema.parse(JSON.parse(await readFile(path, "utf8")));
  const client = new MarketClient(restUrl);
  const owners: Owners = {};
  for (const name of new Set(options.nodes.map((plan) => plan.owner))) {
    owners[name] = { email: `${name}@market.local`, password: randomBytes(18).toString("base64url") };
  }
  await Promise.all(Object.entries(owners).map(([username, owner]) => client.register({ ...owner, username })));
  await writeFile(path, JSON.stringify(owners, undefined, 2), { mode: 0o600 });
  return owners;
}
