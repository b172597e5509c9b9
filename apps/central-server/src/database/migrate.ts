/**
 * Brings a database to this version's schema: each migration once, in order, all in one transaction under a lock.
 *
 * The table `applied_migrations` keeps the name and a hash of the SQL of what ran. A migration that was changed after it
 * ran, or that this version does not know, stops the start: working on a schema that is not ours would lose data quietly.
 * The hash is over the statements, not the file, so formatting does not matter; migrations run fixed statements only.
 */
import { createHash } from "node:crypto";
import { AppError } from "@cyxwiz/primitives";
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
  type Transaction,
} from "kysely";
import { CENTRAL_ERRORS } from "../errors.ts";
import * as market from "./migrations/0001-market.ts";
import type { MarketDatabase } from "./schema.ts";

interface Migration {
  readonly name: string;
  readonly up: (db: Kysely<unknown>) => Promise<void>;
}

/** Append-only, in the order of their names. */
const MIGRATIONS: readonly Migration[] = [{ name: "0001-market", up: market.up }];

/** Any 64-bit number that nobody else takes: "cyxwizMG" in ASCII. */
const MIGRATION_LOCK = 0x6379_7877_697a_4d47n;

/** Applies what is missing. @throws AppError `central/migration-mismatch`; then nothing was changed. */
export async function migrate(db: Kysely<MarketDatabase>): Promise<{ readonly applied: readonly string[] }> {
  return db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(transaction);
    await sql`create table if not exists applied_migrations (
      name text primary key, hash text not null, applied_at timestamptz not null default now()
    )`.execute(transaction);
    const known = await sql<{ name: string; hash: string }>`
      select name, hash from applied_migrations order by name
    `.execute(transaction);
    return { applied: await applyMissing(transaction, new Map(known.rows.map((row) => [row.name, row.hash]))) };
  });
}

/** One name for the schema of this version; changes with every change of a migration. */
export async function schemaFingerprint(): Promise<string> {
  const hash = createHash("sha256");
  for (const migration of MIGRATIONS) hash.update(`${migration.name} ${await hashOf(migration)}\n`);
  return hash.digest("hex").slice(0, 16);
}

async function applyMissing(
  transaction: Transaction<MarketDatabase>,
  known: ReadonlyMap<string, string>,
): Promise<string[]> {
  const names = new Set(MIGRATIONS.map((migration) => migration.name));
  for (const name of known.keys()) {
    if (!names.has(name)) throw mismatch(name, "it was applied by a newer version, which this one does not know");
  }
  const applied: string[] = [];
  for (const migration of MIGRATIONS) {
    const hash = await hashOf(migration);
    const before = known.get(migration.name);
    if (before === hash) continue;
    if (before !== undefined)
      throw mismatch(migration.name, "it was applied with other statements than this version has");
    // A migration speaks SQL only: the typed tables are what comes out of it.
    await migration.up(transaction as unknown as Kysely<unknown>);
    await sql`insert into applied_migrations (name, hash) values (${migration.name}, ${hash})`.execute(transaction);
    applied.push(migration.name);
  }
  return applied;
}

/** Runs the migration against a driver that goes nowhere and hashes the statements that it would have run. */
async function hashOf(migration: Migration): Promise<string> {
  const hash = createHash("sha256");
  const nowhere = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    log: (event) => void hash.update(`${event.query.sql.replaceAll(/\s+/g, " ").trim()};\n`),
  });
  await migration.up(nowhere);
  return hash.digest("hex");
}

function mismatch(name: string, detail: string): AppError {
  return new AppError(CENTRAL_ERRORS.MIGRATION_MISMATCH, { name, detail });
}
