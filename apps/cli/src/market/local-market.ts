/**
 * A whole market on this computer: the Central Server with its embedded database, three Server Nodes, each its own
 * process with its own key, owner, price and allocation, and the platform's own node, which checks what the others did.
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
import { ownedNode, platformVerifier, type MarketNode, type NodePlan } from "./market-node.ts";

const appPath = (app: string): string => fileURLToPath(new URL(`../../../${app}/src/main.ts`, import.meta.url));

const serverReadySchema = z.object({ kind: z.literal("ready"), restUrl: z.url(), grpcAddress: z.string() });
const nodeReadySchema = z.object({ kind: z.literal("ready"), nodeId: z.uuid() });
const ownersSchema = z.record(z.string(), z.object({ email: z.string(), password: z.string() }));
type Owners = z.infer<typeof ownersSchema>;

export interface LocalMarketOptions {
  readonly dataDir: string;
  /** The owners' nodes. The platform's own node runs beside them, however few they are. */
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
    const nodeCount = `${options.nodes.length} Server Node${options.nodes.length === 1 ? "" : "s"}`;
    options.onProgress(`Starting ${nodeCount} and the platform's verifier; each measures its speed …`);
    const owners = await loadOwners(options, server.ready.restUrl);
    const plans = [
      ...options.nodes.map((plan) => ownedNode(plan, defined(owners[plan.owner], plan.owner), server.ready.restUrl)),
      platformVerifier(serverDataDir(options)),
    ];
    const nodes = await startAll(plans, started, options.signal, (plan, signal) =>
      startNode(plan, server.ready, { ...options, signal }),
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

function serverDataDir({ dataDir }: LocalMarketOptions): string {
  return join(dataDir, "central-server");
}

async function startServer(options: LocalMarketOptions): Promise<ChildProgram<z.infer<typeof serverReadySchema>>> {
  const configPath = join(options.dataDir, "central-server.toml");
  const [grpcPort, restPort] = await Promise.all([preferredOrAnyPort(50_051), preferredOrAnyPort(8080)]);
  const config = [
    "[server]",
    `grpc_address = "127.0.0.1:${grpcPort}"`,
    `rest_address = "127.0.0.1:${restPort}"`,
    "[database]",
    `url = "embedded:${serverDataDir(options).replaceAll("\\", "/")}"`,
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
  plans: readonly MarketNode[],
  started: AsyncDisposableStack,
  callerSignal: AbortSignal | undefined,
  start: (plan: MarketNode, signal: AbortSignal) => Promise<Node>,
): Promise<Node[]> {
  const oneFailed = new AbortController();
  const signal = AbortSignal.any([oneFailed.signal, ...(callerSignal ? [callerSignal] : [])]);
  const attempts = plans.map(async (plan) => started.use(await start(plan, signal)));
  try {
    return await Promise.all(attempts);
  } catch (error) {
    oneFailed.abort(error);
    await Promise.allSettled(attempts);
    throw error;
  }
}

async function startNode(
  plan: MarketNode,
  server: z.infer<typeof serverReadySchema>,
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
  const token = await plan.token();
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
  const saved = existsSync(path) ? ownersSchema.parse(JSON.parse(await readFile(path, "utf8"))) : {};
  const client = new MarketClient(restUrl);
  const added: Owners = {};
  for (const { owner } of options.nodes) {
    if (owner in saved) continue;
    added[owner] = { email: `${owner}@market.local`, password: randomBytes(18).toString("base64url") };
  }
  if (Object.keys(added).length === 0) return saved;
  await Promise.all(Object.entries(added).map(([username, owner]) => client.register({ ...owner, username })));
  const owners = { ...saved, ...added };
  await writeFile(path, JSON.stringify(owners, undefined, 2), { mode: 0o600 });
  return owners;
}
