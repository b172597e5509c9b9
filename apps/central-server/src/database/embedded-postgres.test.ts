import { chmod, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isError } from "@cyxwiz/primitives";
import { MemoryLogger, systemClock } from "@cyxwiz/platform";
import pg from "pg";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { CENTRAL_ERRORS } from "../errors.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { openDatabase } from "./open-database.ts";
import { preparePostgresRuntime } from "./postgres-runtime.ts";

async function newFolder(mode = 0o711): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-embedded-"));
  await chmod(folder, mode);
  return folder;
}

async function removeFolder(folder: string): Promise<void> {
  const home = await realpath(join(folder, "postgres")).catch(() => folder);
  for (const path of [home, folder]) await rm(path, { recursive: true, force: true });
}

/** A folder of the test's own. */
async function setup(mode?: number): Promise<string> {
  const folder = await newFolder(mode);
  onTestFinished(() => removeFolder(folder));
  return folder;
}

/** One folder for the tests that leave it as they find it: making a cluster is what takes long. */
let shared: Promise<string> | undefined;
const sharedFolder = (): Promise<string> => (shared ??= newFolder());
afterAll(async () => removeFolder(await sharedFolder()));

async function ask(url: string, query: string): Promise<Record<string, unknown> | undefined> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const answer = await client.query<Record<string, unknown>>(query);
  await client.end();
  return answer.rows[0];
}

const isRunning = (folder: string): Promise<boolean> =>
  stat(join(folder, "postgres/data/postmaster.pid")).then(
    () => true,
    () => false,
  );

test("what was committed is there after a stop and a new start", async () => {
  const folder = await sharedFolder();
  {
    await using server = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock });
    await ask(server.url("postgres"), "create table kept as select 42 as answer");
  }
  expect(await isRunning(folder)).toBe(false);
  await using server = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock });
  expect(await ask(server.url("postgres"), "select answer from kept")).toEqual({ answer: 42 });
});

test("commits are flushed to disk and strangers need the password", async () => {
  const folder = await sharedFolder();
  await using server = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock });
  expect(await ask(server.url("postgres"), "show fsync")).toEqual({ fsync: "on" });
  const wrong = server.url("postgres").replace(/:[0-9a-f]{64}@/, ":guess@");
  await expect(ask(wrong, "select 1")).rejects.toThrow("password authentication failed");
  expect((await stat(join(folder, "postgres/password"))).mode & 0o077).toBe(0);
});

test("a second start attaches to the server that runs, and the last one out stops it", async () => {
  const folder = await sharedFolder();
  const first = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock });
  const client = new pg.Client({ connectionString: first.url("postgres") });
  await client.connect();
  const second = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock });
  expect([first.attached, second.attached]).toEqual([false, true]);
  await second[Symbol.asyncDispose]();
  expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  await client.end();
  await first[Symbol.asyncDispose]();
  expect(await isRunning(folder)).toBe(false);
});

test("two first starts at once end with one database", async () => {
  const folder = await setup();
  const options = { url: `embedded:${folder}`, maxConnections: 2, clock: systemClock, logger: new MemoryLogger() };
  const [one, two] = await Promise.all([openDatabase(options), openDatabase(options)]);
  expect(one.connectionString).toBe(two.connectionString);
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  expect(await isRunning(folder)).toBe(false);
});

test("a folder that only its owner may enter works too, also for root", async () => {
  const parent = await setup(0o700);
  const folder = join(parent, "data");
  await using server = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock });
  expect(await ask(server.url("postgres"), "select 1 as one")).toEqual({ one: 1 });
  // Root gives the database to another user, who cannot enter here: it lies elsewhere, under a link.
  const isLink = (await realpath(join(folder, "postgres"))) !== join(await realpath(folder), "postgres");
  expect(isLink).toBe(process.getuid?.() === 0);
  onTestFinished(async () => rm(await realpath(join(folder, "postgres")), { recursive: true }));
});

test("a server killed with its lock file left behind starts again", async () => {
  const folder = await sharedFolder();
  const killed = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock });
  await ask(killed.url("postgres"), "create table survived as select 42 as answer");
  const pid = Number((await readFile(join(folder, "postgres/data/postmaster.pid"), "utf8")).split("\n")[0]);
  process.kill(pid, "SIGKILL");
  await using server = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock });
  expect(server.attached).toBe(false);
  expect(await ask(server.url("postgres"), "select answer from survived")).toEqual({ answer: 42 });
});

test("data of another major version are refused with the way out", async () => {
  const folder = await sharedFolder();
  await (await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock })).stop();
  await writeFile(join(folder, "postgres/data/PG_VERSION"), "16\n");
  onTestFinished(() => writeFile(join(folder, "postgres/data/PG_VERSION"), "18\n"));
  const refused = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock }).catch(
    (error: unknown) => error,
  );
  expect(isError(refused, CENTRAL_ERRORS.DATABASE_UNAVAILABLE) && refused.message).toContain("made by PostgreSQL 16");
});

test("a server that cannot start says so with the end of its log", async () => {
  const folder = await sharedFolder();
  const settings = { shared_buffers: "1GB", huge_pages: "nonsense" };
  const refused = await startEmbeddedPostgres({ folder, maxConnections: 10, clock: systemClock, settings }).catch(
    (error: unknown) => error,
  );
  expect(isError(refused, CENTRAL_ERRORS.DATABASE_UNAVAILABLE) && refused.message).toContain("huge_pages");
});

test("a platform that npm has no PostgreSQL for is told what to do", async () => {
  await expect(preparePostgresRuntime("plan9-x64")).rejects.toMatchObject({
    code: "central/database-runtime-not-found",
    message: expect.stringContaining("[database] url"),
  });
});
