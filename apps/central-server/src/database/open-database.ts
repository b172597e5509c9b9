/**
 * From `[database] url` to a migrated, pooled Kysely: an embedded PostgreSQL in a folder, or one by URL.
 *
 * Both are the same engine; nothing above this file knows which it is. bigint arrives as `bigint`, timestamptz as `Date`.
 */
import { AppError, errorMessage } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { CENTRAL_ERRORS } from "../errors.ts";
import {
  DATABASE_CONNECT_TIMEOUT_MS,
  IDLE_TRANSACTION_TIMEOUT_MS,
  LOCK_TIMEOUT_MS,
  STATEMENT_TIMEOUT_MS,
} from "../limits.ts";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "./embedded-postgres.ts";
import { migrate } from "./migrate.ts";
import type { MarketDatabase } from "./schema.ts";

/** What queries run on: the pool, or a transaction that the caller began (Kysely's Transaction is one too). */
export type Database = Kysely<MarketDatabase>;

export interface OpenDatabase extends AsyncDisposable {
  readonly db: Database;
  /** For connections beside the pool (the lock of the running server, LISTEN). Holds the password: never logged. */
  readonly connectionString: string;
  /** The database without its password, for messages. */
  readonly where: string;
  readonly isEmbedded: boolean;
}

export interface OpenDatabaseOptions {
  /** `embedded:FOLDER` or `postgresql://user:password@host:port/name`. */
  readonly url: string;
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Connections that are not in the pool: the server's lock, a stop's question, an operator's psql. */
const RESERVED_CONNECTIONS = 8;

/**
 * Opens and migrates the database. Disposing closes the pool and stops an embedded server that nobody else uses.
 *
 * @throws AppError `central/database-url-malformed`, `central/database-unavailable`, `central/migration-mismatch`.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<OpenDatabase> {
  const place = readUrl(options.url);
  if (place.kind === "server") return connect(options, options.url, undefined);
  const server = await startEmbeddedPostgres({
    folder: place.folder,
    clock: options.clock,
    maxConnections: options.maxConnections + RESERVED_CONNECTIONS,
  });
  if (server.attached) options.logger.warn("attached to a database that a killed server left running");
  try {
    await createIfMissing(server);
    return await connect(options, server.url("market"), server);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** The folder of an embedded database, or undefined for a server by URL. @throws AppError `central/database-url-malformed`. */
export function embeddedFolder(url: string): string | undefined {
  const place = readUrl(url);
  return place.kind === "embedded" ? place.folder : undefined;
}

type DatabasePlace = { readonly kind: "embedded"; readonly folder: string } | { readonly kind: "server" };

function readUrl(url: string): DatabasePlace {
  const folder = /^embedded:(.+)$/s.exec(url)?.[1];
  if (folder !== undefined) return { kind: "embedded", folder };
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return { kind: "server" };
  throw new AppError(CENTRAL_ERRORS.DATABASE_URL_MALFORMED, { value: withoutPassword(url) });
}

async function connect(
  options: OpenDatabaseOptions,
  connectionString: string,
  server: EmbeddedPostgres | undefined,
): Promise<OpenDatabase> {
  const where = server ? options.url : withoutPassword(options.url);
  const { pool, db } = createPool(connectionString, options);
  try {
    await pool.query("select 1").catch((cause: unknown) => {
      const context = {
        where,
        detail: errorMessage(cause),
        fix: "Check [database] url and that PostgreSQL 15 or newer runs there",
      };
      throw new AppError(CENTRAL_ERRORS.DATABASE_UNAVAILABLE, context, { cause });
    });
    const { applied } = await migrate(db);
    if (applied.length > 0) options.logger.info("database migrated", { applied });
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const dispose = async (): Promise<void> => {
    await db.destroy();
    await server?.[Symbol.asyncDispose]();
  };
  return { db, connectionString, where, isEmbedded: server !== undefined, [Symbol.asyncDispose]: dispose };
}

/** A pool with our parsers and time-outs. The caller destroys the Kysely, which ends the pool. */
export function createPool(
  connectionString: string,
  options: Pick<OpenDatabaseOptions, "maxConnections" | "logger">,
): { readonly pool: pg.Pool; readonly db: Database } {
  const pool = new pg.Pool({
    connectionString,
    max: options.maxConnections,
    connectionTimeoutMillis: DATABASE_CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    application_name: "cyxwiz-central-server",
    types: { getTypeParser: parserOf },
  });
  // Without a listener a lost idle connection would end the process; the pool replaces it by itself.
  pool.on("error", (error) => options.logger.warn("database connection lost", { error: error.message }));
  return { pool, db: new Kysely<MarketDatabase>({ dialect: new PostgresDialect({ pool }) }) };
}

/** Set on the pool and not globally: another library in this process may want pg's own parsers. */
const parserOf: typeof pg.types.getTypeParser = (oid: number, format?: "text" | "binary") =>
  oid === pg.types.builtins.INT8 && format !== "binary" ? BigInt : pg.types.getTypeParser(oid, format);

async function createIfMissing(server: EmbeddedPostgres): Promise<void> {
  const client = new pg.Client({ connectionString: server.url("postgres") });
  await client.connect();
  try {
    const found = await client.query("select 1 from pg_database where datname = 'market'");
    if (found.rowCount === 0) await client.query("create database market");
  } catch (error) {
    // Another process made it between the two statements (duplicate_database), or is at it right now (unique_violation).
    if (!(error instanceof pg.DatabaseError && ["42P04", "23505"].includes(error.code ?? ""))) throw error;
  } finally {
    await client.end();
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/([^:/@]*):[^@]*@/, "//$1:…@");
}
