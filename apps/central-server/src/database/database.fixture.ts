/**
 * Databases for tests: one embedded PostgreSQL for all test files of all running workers, one database per test, copied
 * from a migrated template.
 *
 * Its folder is `.cache/test-postgres` at the root of the checkout. Each worker registers under `users/` and the last
 * one out stops the server; a lock folder makes starting, registering and stopping one step each. A worker that was
 * killed is seen by its dead process id, so nothing is left running after the next run.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "@cyxwiz/primitives";
import { MemoryLogger, systemClock } from "@cyxwiz/platform";
import pg from "pg";
import { afterAll } from "vitest";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "./embedded-postgres.ts";
import { migrate, schemaFingerprint } from "./migrate.ts";
import { createPool, type Database } from "./open-database.ts";

export interface TestDatabase extends AsyncDisposable {
  readonly db: Database;
  readonly url: string;
}

const FOLDER = join(import.meta.dirname, "../../../../.cache/test-postgres");
const USERS = join(FOLDER, "users");
const LOCK = join(FOLDER, "lock");
/** Longest wait for the lock: a first run does initdb and the migrations under it, on a busy computer. */
const LOCK_TIMEOUT_MS = 60_000;

interface Worker {
  readonly server: EmbeddedPostgres;
  readonly admin: pg.Client;
  readonly template: string;
}

let joined: Promise<Worker> | undefined;
const open = new Set<TestDatabase>();

/** A fresh database with the whole schema. `await using` it; what a test forgets is dropped after its file. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const worker = await (joined ??= joinServer());
  const name = `test_${process.pid}_${randomBytes(6).toString("hex")}`;
  // Copying through the log needs no checkpoint: ten times faster than file_copy while other tests write.
  await worker.admin.query(`create database ${name} template ${worker.template} strategy wal_log`);
  const url = worker.server.url(name);
  const { db } = createPool(url, { maxConnections: 8, logger: new MemoryLogger() });
  const database: TestDatabase = {
    db,
    url,
    [Symbol.asyncDispose]: async () => {
      if (!open.delete(database)) return;
      await db.destroy();
      await worker.admin.query(`drop database ${name} with (force)`);
    },
  };
  open.add(database);
  return database;
}

afterAll(async () => {
  if (joined === undefined) return;
  const worker = await joined;
  for (const database of open) await database[Symbol.asyncDispose]();
  await worker.admin.end();
  joined = undefined;
  await locked(async () => {
    await rm(join(USERS, String(process.pid)), { force: true });
    if ((await liveUsers()).length === 0) await worker.server.stop();
  });
});

async function joinServer(): Promise<Worker> {
  await mkdir(USERS, { recursive: true, mode: 0o711 });
  return locked(async () => {
    // Crash safety is what production has; a test's database dies with the test.
    const settings = { fsync: "off", full_page_writes: "off", synchronous_commit: "off" };
    const server = await startEmbeddedPostgres({ folder: FOLDER, maxConnections: 200, clock: systemClock, settings });
    const admin = new pg.Client({ connectionString: server.url("postgres") });
    await admin.connect();
    const template = `template_${await schemaFingerprint()}`;
    if ((await liveUsers()).length === 0) await dropLeftovers(admin, template);
    const found = await admin.query("select 1 from pg_database where datname = $1", [template]);
    if (found.rowCount === 0) await createTemplate(server, admin, template);
    await writeFile(join(USERS, String(process.pid)), "");
    return { server, admin, template };
  });
}

async function createTemplate(server: EmbeddedPostgres, admin: pg.Client, template: string): Promise<void> {
  await admin.query(`create database ${template}_new`);
  const { db } = createPool(server.url(`${template}_new`), { maxConnections: 1, logger: new MemoryLogger() });
  await migrate(db);
  await db.destroy();
  await admin.query(`alter database ${template}_new rename to ${template}`);
}

/** Databases of killed runs and templates of other schemas. */
async function dropLeftovers(admin: pg.Client, template: string): Promise<void> {
  const names = await admin.query<{ datname: string }>(
    `select datname from pg_database where datname ~ '^(test|template)_' and datname <> $1`,
    [template],
  );
  for (const { datname } of names.rows) await admin.query(`drop database if exists ${datname} with (force)`);
}

async function liveUsers(): Promise<string[]> {
  const live: string[] = [];
  for (const pid of await readdir(USERS)) {
    if (isAlive(Number(pid))) live.push(pid);
    else await rm(join(USERS, pid), { force: true });
  }
  return live;
}

/** Runs `run` while no other worker runs its own. The holder is in the lock, so that a killed one does not block. */
async function locked<T>(run: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; !(await takeLock()); waitedMs += 20) {
    assert(waitedMs < LOCK_TIMEOUT_MS, `${LOCK} is held for more than a minute: remove it if no test runs`);
    await systemClock.sleep(20);
  }
  try {
    return await run();
  } finally {
    await rm(LOCK, { recursive: true, force: true });
  }
}

async function takeLock(): Promise<boolean> {
  try {
    await writeFile(LOCK, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    const holder = await readFile(LOCK, "utf8").catch(() => "");
    if (holder !== "" && !isAlive(Number(holder))) await rm(LOCK, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
