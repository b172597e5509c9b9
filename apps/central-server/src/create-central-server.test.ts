import { spawn } from "node:child_process";
import { chmod, mkdtemp, realpath, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryLogger, systemClock, type Clock } from "@cyxwiz/platform";
import { expect, onTestFinished, test } from "vitest";
import { configFrom } from "./config/load-config.ts";
import { createTestDatabase } from "./database/database.fixture.ts";
import { createCentralServer, type CentralServer } from "./create-central-server.ts";

/** Starting a database several times on a busy computer. */
const TIMEOUT = { timeout: 60_000 };

async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-server-"));
  await chmod(folder, 0o711);
  onTestFinished(async () => rm(await realpath(folder), { recursive: true, force: true }));
  return folder;
}

const environment = (folder: string): Record<string, string> => ({
  CYXWIZ_DATABASE_URL: `embedded:${folder}`,
  CYXWIZ_SERVER_REST_ADDRESS: "127.0.0.1:0",
  CYXWIZ_SERVER_GRPC_ADDRESS: "127.0.0.1:0",
  CYXWIZ_PAYMENTS_FAUCET: "true",
});

function start(
  folder: string,
  overrides: Record<string, string> = {},
  clock: Clock = systemClock,
): Promise<CentralServer> {
  const config = configFrom("", { ...environment(folder), ...overrides });
  return createCentralServer(config, { clock, logger: new MemoryLogger(), random: () => 0.5 });
}

async function call(
  server: CentralServer,
  path: string,
  body?: object,
  token?: string,
): Promise<{ status: number; body: unknown }> {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const init = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const answer = await fetch(new URL(path, server.restUrl), init);
  return { status: answer.status, body: await answer.json() };
}

const account = { email: "a@example.org", password: "correct horse battery" };
const isRunning = (folder: string): Promise<boolean> =>
  stat(join(folder, "postgres/data/postmaster.pid")).then(
    () => true,
    () => false,
  );

test("a server serves REST and RPC, and a restart keeps accounts and tokens", TIMEOUT, async () => {
  const folder = await dataFolder();
  let token = "";
  {
    await using server = await start(folder);
    const health = {
      status: "healthy",
      components: { database: "ok", redis: "in-process", solana: "ledger", scheduler: "ok" },
    };
    expect(await call(server, "/api/health")).toMatchObject({ status: 200, body: health });
    const made = await call(server, "/api/auth/register", account);
    token = (made.body as { token: string }).token;
    const rpc = "/cyxwiz.protocol.JobService/ListJobs";
    expect(await call(server, rpc, {})).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect(await call(server, rpc, {}, token)).toMatchObject({ status: 200 });
    expect(await call(server, "/cyxwiz.protocol.NodeDiscoveryService/ListNodes", {})).toMatchObject({ status: 200 });
    const { paths } = (await call(server, "/api/openapi.json")).body as { paths: object };
    expect(Object.keys(paths)).toContain("/api/quotes");
    expect(Object.keys(paths).filter((path) => !path.startsWith("/api/"))).toEqual([]);
  }
  expect(await isRunning(folder)).toBe(false);
  await using server = await start(folder);
  expect(await call(server, "/api/users/me", undefined, token)).toMatchObject({
    status: 200,
    body: { email: account.email },
  });
});

test("a second server on the same database is refused, and the first goes on", TIMEOUT, async () => {
  await using database = await createTestDatabase();
  const folder = await dataFolder();
  const byUrl = {
    CYXWIZ_DATABASE_URL: database.url,
    CYXWIZ_JWT_SECRET: "only-for-these-tests-only-for-these",
    CYXWIZ_SERVER_DATA_FOLDER: folder,
  };
  await using first = await start(folder, byUrl);
  await expect(start(folder, byUrl)).rejects.toMatchObject({ code: "central/already-running" });
  expect(await call(first, "/api/health")).toMatchObject({ status: 200 });
});

test("a start that fails at its last step leaves nothing running", TIMEOUT, async () => {
  const folder = await dataFolder();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const bound = other.address();
  const port = typeof bound === "object" ? bound?.port : undefined;
  let sleeping = 0;
  const clock = {
    now: systemClock.now,
    monotonic: systemClock.monotonic,
    sleep: (ms: number, signal?: AbortSignal) => {
      sleeping++;
      return systemClock.sleep(ms, signal).finally(() => sleeping--);
    },
  };
  const taken = start(folder, { CYXWIZ_SERVER_REST_ADDRESS: `127.0.0.1:${port}` }, clock);
  await expect(taken).rejects.toMatchObject({ code: "central/address-unavailable" });
  expect(await isRunning(folder)).toBe(false);
  expect(sleeping, "loops that wait for their next run").toBe(0);
  other.close();
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the program itself; `onReady` gets to send signals. */
function runProgram(
  args: readonly string[],
  env: Record<string, string>,
  onReady?: (kill: () => void) => void,
): Promise<Ended> {
  const program = join(import.meta.dirname, "../bin/cyxwiz-central-server.mjs");
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env } });
  const { promise, resolve } = Promise.withResolvers<Ended>();
  let output = "";
  const read = (bytes: Buffer): void => {
    output += bytes.toString();
    if (output.includes("is ready")) onReady?.(() => child.kill("SIGTERM"));
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  child.on("close", (code) => resolve({ code, output }));
  return promise;
}

test("the program drains and ends cleanly on SIGTERM", TIMEOUT, async () => {
  const folder = await dataFolder();
  const ended = await runProgram([], environment(folder), (kill) => kill());
  expect(ended).toMatchObject({ code: 0, output: expect.stringContaining("is stopping") });
  expect(await isRunning(folder)).toBe(false);
});

test("the program answers --help and --version, and says in one line why it does not start", TIMEOUT, async () => {
  expect(await runProgram(["--version"], {})).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
  expect(await runProgram(["--help"], {})).toMatchObject({ code: 0, output: expect.stringContaining("--config FILE") });
  const missing = await runProgram(["--config", "/nowhere.toml"], {});
  expect(missing).toMatchObject({
    code: 1,
    output: expect.stringContaining("the configuration /nowhere.toml cannot be read"),
  });
  const typo = await runProgram(["--confg", "x"], {});
  expect(typo.code).toBe(1);
  expect(typo.output.trim().split("\n")).toHaveLength(1);
});
