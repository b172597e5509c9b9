/**
 * A real PostgreSQL as a child of this server, in a folder of its own: `initdb` at the first start, started and stopped
 * with `pg_ctl`.
 *
 * It is not a production deployment: it listens on loopback only, at a port drawn at each start, behind a random
 * password kept in the folder (0600). It runs in its own session, so a Ctrl-C reaches the server first, which drains and
 * then stops it. After kill -9 of the server it still runs; the next start attaches to it. Files in the folder:
 * `postgres/data` (the cluster), `postgres/password`, `postgres/server.log`.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import type { Clock } from "@cyxwiz/platform";
import { AppError, defined, errorMessage } from "@cyxwiz/primitives";
import pg from "pg";
import { CENTRAL_ERRORS } from "../errors.ts";
import {
  DATABASE_CLIENTS_LOOK_MS,
  DATABASE_CLIENTS_LOOKS,
  DATABASE_CONNECT_TIMEOUT_MS,
  DATABASE_START_ATTEMPTS,
  DATABASE_START_DELAY_MS,
  DATABASE_START_TIMEOUT_SECONDS,
  DATABASE_STOP_TIMEOUT_SECONDS,
} from "../limits.ts";
import {
  exists,
  handOver,
  isReachableByOthers,
  preparePostgresRuntime,
  ROOT_HOME,
  type PostgresRuntime,
} from "./postgres-runtime.ts";

/** A running embedded server. Disposing it stops it, unless another client is still connected. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** URL of the database `name` on this server, with user and password. */
  url(name: string): string;
  /** True when the server already ran, left over by a process that was killed. */
  readonly attached: boolean;
  /** Fast shutdown: open transactions are rolled back, what was committed is on disk. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Folder of the caller; made when missing. Takes `postgres/` inside it. */
  readonly folder: string;
  readonly maxConnections: number;
  readonly clock: Clock;
  /** More lines of postgresql.conf, as name → value. */
  readonly settings?: Readonly<Record<string, string>>;
}

const USER = "cyxwiz";
const MAJOR = "18";

/**
 * Starts the embedded PostgreSQL of a folder, or attaches to the one that already runs on it.
 *
 * @throws AppError `central/database-unavailable` when it does not start, with the end of its log;
 *   `central/database-runtime-not-found` when it is not installed.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const runtime = await preparePostgresRuntime();
  const home = await openHome(resolve(options.folder), runtime);
  const place: Place = { ...home, runtime, folder: options.folder };
  let detail = "";
  for (let attempt = 1; attempt <= DATABASE_START_ATTEMPTS; attempt++) {
    const running = await attach(place);
    if (running !== undefined) return handle(place, { port: running, attached: attempt === 1 }, options.clock);
    const port = await freePort();
    const waiting = ["-w", "-t", String(DATABASE_START_TIMEOUT_SECONDS), "-s"];
    const settings = ["-o", serverOptions(options, port)];
    const started = await run(runtime, "pg_ctl", ["start", "-D", place.data, "-l", place.log, ...waiting, ...settings]);
    if (started.code === 0) return handle(place, { port, attached: false }, options.clock);
    detail = `${started.output.trim()}; ${await logTail(place.log)}`;
    // Passing causes: another process starts or stops this very server, or took the port in between.
    if (!/postmaster\.pid|already in use|another server/i.test(detail)) break;
    await options.clock.sleep(DATABASE_START_DELAY_MS * attempt);
  }
  throw unavailable(place.folder, detail, `See ${place.log}`);
}

interface Home {
  readonly data: string;
  readonly log: string;
  readonly password: string;
}

interface Place extends Home {
  readonly runtime: PostgresRuntime;
  readonly folder: string;
}

function handle(
  place: Place,
  { port, attached }: { readonly port: number; readonly attached: boolean },
  clock: Clock,
): EmbeddedPostgres {
  const url = (name: string): string => `postgresql://${USER}:${place.password}@127.0.0.1:${port}/${name}`;
  const stop = async (): Promise<void> => {
    const waiting = ["-w", "-t", String(DATABASE_STOP_TIMEOUT_SECONDS), "-s"];
    const stopped = await run(place.runtime, "pg_ctl", ["stop", "-D", place.data, "-m", "fast", ...waiting]);
    if (stopped.code !== 0 && (await exists(join(place.data, "postmaster.pid")))) {
      throw unavailable(place.folder, `it does not stop: ${stopped.output.trim()}`, `See ${place.log}`);
    }
  };
  const dispose = async (): Promise<void> => {
    if (!(await hasOtherClients(url("postgres"), clock))) await stop();
  };
  return { url, attached, stop, [Symbol.asyncDispose]: dispose };
}

/** Opens `folder/postgres`, running initdb when it is new. The folder appears complete or not at all. */
async function openHome(folder: string, runtime: PostgresRuntime): Promise<Home> {
  const home = join(folder, "postgres");
  // Others may pass the folder (the server runs as somebody else) but not list it.
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const isEmpty = (await readdir(folder)).length === 0;
  // An empty folder was made for this; in one with other things the rights are not ours to change.
  if (isEmpty && runtime.identity) await chmod(folder, 0o711);
  if (!(await exists(join(home, "password")))) await createHome(home, runtime);
  const at = await realpath(home);
  const version = (await readFile(join(at, "data", "PG_VERSION"), "utf8")).trim();
  if (version !== MAJOR) {
    const fix = `Dump it with PostgreSQL ${version} and restore it into a new folder`;
    throw unavailable(folder, `its data were made by PostgreSQL ${version}, this is ${MAJOR}`, fix);
  }
  const password = (await readFile(join(at, "password"), "utf8")).trim();
  return { data: join(at, "data"), log: join(at, "server.log"), password };
}

async function createHome(home: string, runtime: PostgresRuntime): Promise<void> {
  const parent = dirname(home);
  const reachable = runtime.identity === undefined || (await isReachableByOthers(parent));
  const partial = await mkdtemp(join(reachable ? parent : await openPlace(parent), "cyxwiz-postgres-"));
  try {
    await initialize(partial, runtime);
    // The first to take the name wins; whoever comes second uses the winner's.
    await (reachable ? rename(partial, home) : symlink(partial, home));
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    if (!(await exists(join(home, "password")))) throw cause;
  }
}

/** Where the data lie when the server's user cannot enter the wanted folder. What is temporary stays temporary. */
async function openPlace(wanted: string): Promise<string> {
  const temporary = await realpath(tmpdir());
  if ((await realpath(wanted)).startsWith(`${temporary}${sep}`) && (await isReachableByOthers(temporary)))
    return temporary;
  await mkdir(ROOT_HOME, { recursive: true, mode: 0o755 });
  return ROOT_HOME;
}

async function initialize(home: string, runtime: PostgresRuntime): Promise<void> {
  const data = join(home, "data");
  const password = randomBytes(32).toString("hex");
  const handed = join(home, "initdb-password");
  await handOver(home, runtime.identity);
  await mkdir(data);
  await handOver(data, runtime.identity);
  await writeFile(join(home, "password"), password, { mode: 0o600 });
  await writeFile(handed, password, { mode: 0o600 });
  if (runtime.identity) await chown(handed, runtime.identity.uid, runtime.identity.gid);
  const access = ["-U", USER, `--pwfile=${handed}`, "--auth=scram-sha-256"];
  const text = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
  const made = await run(runtime, "initdb", ["-D", data, ...access, ...text]);
  await unlink(handed);
  if (made.code !== 0)
    throw unavailable(dirname(home), `initdb failed: ${made.output.trim()}`, "Check space and rights");
}

/** Settings go on the command line, so that a changed default reaches a cluster made by an older version. */
function serverOptions(options: EmbeddedPostgresOptions, port: number): string {
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    // Unix sockets would need a folder that server and client may both enter, and a path under 108 bytes.
    unix_socket_directories: "",
    max_connections: String(options.maxConnections),
    // Small: it shares the computer with training; the operating system caches the rest.
    shared_buffers: "32MB",
    max_wal_size: "256MB",
    // What was answered is on disk.
    fsync: "on",
    synchronous_commit: "on",
    log_min_messages: "warning",
    log_line_prefix: "%m:",
    timezone: "UTC",
    ...options.settings,
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(" ");
}

/** The port of a server that runs on this cluster and takes our password. */
async function attach(place: Place): Promise<number | undefined> {
  const pid = await readFile(join(place.data, "postmaster.pid"), "utf8").catch(() => undefined);
  if (pid === undefined) return undefined;
  const port = Number(pid.split("\n")[3]);
  if (!Number.isInteger(port) || port <= 0) return undefined;
  const status = await run(place.runtime, "pg_ctl", ["status", "-D", place.data, "-s"]);
  if (status.code !== 0) return undefined;
  try {
    await ask(`postgresql://${USER}:${place.password}@127.0.0.1:${port}/postgres`, "select 1");
    return port;
  } catch {
    // A server that is stopping, or a stranger's under a reused process id: starting ours decides which.
    return undefined;
  }
}

/** Looks for a while: connections that were closed a moment ago are still listed until their processes have ended. */
async function hasOtherClients(url: string, clock: Clock): Promise<boolean> {
  for (let look = 1; await isUsed(url); look++) {
    if (look === DATABASE_CLIENTS_LOOKS) return true;
    await clock.sleep(DATABASE_CLIENTS_LOOK_MS);
  }
  return false;
}

async function isUsed(url: string): Promise<boolean> {
  const others = `select count(*)::int as n from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()`;
  const answer = await ask(url, others).catch(() => undefined);
  return Number(answer?.rows[0]?.["n"] ?? 0) > 0;
}

async function ask(url: string, query: string): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: DATABASE_CONNECT_TIMEOUT_MS });
  try {
    await client.connect();
    return await client.query(query);
  } finally {
    await client.end();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve: listening, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(0, "127.0.0.1", listening);
  await promise;
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return defined(typeof address === "object" ? address?.port : undefined, "the port of a listening socket");
}

/** Runs one of PostgreSQL's programs to its end. Its own messages come back; it is given no terminal. */
async function run(
  runtime: PostgresRuntime,
  program: "initdb" | "pg_ctl",
  args: readonly string[],
): Promise<{ code: number; output: string }> {
  const { promise, resolve: ended, reject } = Promise.withResolvers<number>();
  const child = spawn(join(runtime.bin, program), args, {
    ...runtime.identity,
    cwd: "/",
    // The caller's PG* variables are about other servers.
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
  });
  let output = "";
  const keep = (text: Buffer): void => {
    output = `${output}${text.toString()}`.slice(-4_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.once("error", reject);
  // "exit", not "close": the server that pg_ctl leaves behind may hold our pipe open.
  child.once("exit", (code) => ended(code ?? 1));
  const code = await promise;
  child.stdout.destroy();
  child.stderr.destroy();
  return { code, output };
}

async function logTail(file: string): Promise<string> {
  const log = await readFile(file, "utf8").catch((error: unknown) => errorMessage(error));
  return log.trim().split("\n").slice(-4).join(" | ");
}

function unavailable(where: string, detail: string, fix: string): AppError {
  return new AppError(CENTRAL_ERRORS.DATABASE_UNAVAILABLE, { where: `embedded:${where}`, detail, fix });
}
