import { MemoryLogger, systemClock, VirtualClock } from "@cyxwiz/platform";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { migrate } from "./migrate.ts";
import { embeddedFolder, openDatabase } from "./open-database.ts";
import { acquireServerLock } from "./server-lock.ts";
import { createTestDatabase } from "./database.fixture.ts";
import { inTransaction } from "./transaction.ts";

const refuses = (code: string): unknown => expect.objectContaining({ code });
const random = (): number => 0.5;

test("bigint arrives as bigint and timestamptz as Date", async () => {
  await using database = await createTestDatabase();
  const { rows } = await sql<{ units: bigint; at: Date }>`
    select 9007199254740993::bigint as units, '2026-01-02T03:04:05Z'::timestamptz as at
  `.execute(database.db);
  expect(rows).toEqual([{ units: 9_007_199_254_740_993n, at: new Date("2026-01-02T03:04:05Z") }]);
});

test("a URL that is neither form is refused without showing its password", async () => {
  const options = {
    url: "mysql://root:hunter2@localhost/x",
    maxConnections: 2,
    clock: systemClock,
    logger: new MemoryLogger(),
  };
  const refused = await openDatabase(options).catch((error: unknown) => error);
  expect(refused).toEqual(refuses("central/database-url-malformed"));
  expect(String(refused)).not.toContain("hunter2");
  expect(embeddedFolder("embedded:/data/x")).toBe("/data/x");
});

test("a database that does not answer is reported at once, without its password", async () => {
  const options = {
    url: "postgresql://cyxwiz:hunter2@127.0.0.1:1/market",
    maxConnections: 2,
    clock: systemClock,
    logger: new MemoryLogger(),
  };
  const refused = await openDatabase(options).catch((error: unknown) => error);
  expect(refused).toEqual(refuses("central/database-unavailable"));
  expect(String(refused)).not.toContain("hunter2");
});

test("opening a database by URL migrates it once", async () => {
  await using database = await createTestDatabase();
  const logger = new MemoryLogger();
  await using opened = await openDatabase({ url: database.url, maxConnections: 2, clock: systemClock, logger });
  expect(opened.isEmbedded).toBe(false);
  expect(logger.lines).toEqual([]);
  expect(await migrate(database.db)).toEqual({ applied: [] });
});

test("a migration that was changed after it ran stops the start", async () => {
  await using database = await createTestDatabase();
  await sql`update applied_migrations set hash = 'other' where name = '0001-market'`.execute(database.db);
  await expect(migrate(database.db)).rejects.toEqual(refuses("central/migration-mismatch"));
});

test("a database of a newer version stops the start", async () => {
  await using database = await createTestDatabase();
  await sql`insert into applied_migrations (name, hash) values ('9999-future', 'x')`.execute(database.db);
  await expect(migrate(database.db)).rejects.toEqual(refuses("central/migration-mismatch"));
});

test("the books cannot be changed or unbalanced, whoever asks", async () => {
  await using database = await createTestDatabase();
  await sql`insert into ledger_transactions (key, kind, command, at) values ('k', 'faucet', 'c', now())`.execute(
    database.db,
  );
  const unbalanced = sql`insert into postings (transaction_id, account, amount) values (1, 'platform', 5)`;
  await expect(unbalanced.execute(database.db)).rejects.toThrow("transaction 1 does not balance");
  const beside = sql`insert into postings (transaction_id, account, amount)
    values (1, 'platform', 5), (1, 'faucet', -5), (2, 'platform', 3), (3, 'faucet', -3)`;
  await sql`insert into ledger_transactions (key, kind, command, at)
    values ('l', 'faucet', 'c', now()), ('m', 'faucet', 'c', now())`.execute(database.db);
  await expect(beside.execute(database.db)).rejects.toThrow(/transaction [23] does not balance/);
  await expect(sql`delete from ledger_transactions`.execute(database.db)).rejects.toThrow("append-only");
  await expect(sql`truncate postings, ledger_transactions`.execute(database.db)).rejects.toThrow("append-only");
});

test("of two transactions that deadlock both end well, because one is run again", async () => {
  await using database = await createTestDatabase();
  const { db } = database;
  await sql`create table pair (id int primary key, n int not null)`.execute(db);
  await sql`insert into pair values (1, 0), (2, 0)`.execute(db);
  let runs = 0;
  let arrived = 0;
  const both = Promise.withResolvers<void>();
  const add = async (first: number, second: number): Promise<void> =>
    inTransaction({ db, clock: systemClock, random }, async (transaction) => {
      runs += 1;
      await sql`update pair set n = n + 1 where id = ${first}`.execute(transaction);
      arrived += 1;
      if (arrived === 2) both.resolve();
      await both.promise;
      await sql`update pair set n = n + 1 where id = ${second}`.execute(transaction);
    });
  await Promise.all([add(1, 2), add(2, 1)]);
  const { rows } = await sql<{ n: number }>`select n from pair order by id`.execute(db);
  expect(rows).toEqual([{ n: 2 }, { n: 2 }]);
  expect(runs).toBeGreaterThan(2);
});

test("a transaction that is always refused gives up with a clear error", async () => {
  await using database = await createTestDatabase();
  const clock = new VirtualClock();
  const lost = inTransaction({ db: database.db, clock, random }, (transaction) =>
    sql`do $$ begin raise exception 'lost' using errcode = '40001'; end $$`.execute(transaction),
  ).catch((error: unknown) => error);
  expect(await whilePassing(clock, lost)).toEqual(refuses("central/transaction-contended"));
});

test("one server at a time: the second is refused, and may start when the first is gone", async () => {
  await using database = await createTestDatabase();
  const clock = new VirtualClock();
  const options = { connectionString: database.url, where: "here", clock, logger: new MemoryLogger(), onLost: fail };
  const first = await acquireServerLock(options);
  const refused = acquireServerLock(options).catch((error: unknown) => error);
  expect(await whilePassing(clock, refused)).toEqual(refuses("central/already-running"));
  await first[Symbol.asyncDispose]();
  await using second = await acquireServerLock(options);
  expect(second).toBeDefined();
});

test("a server whose lock another one took is told to stop", async () => {
  await using database = await createTestDatabase();
  const clock = new VirtualClock();
  const lost = Promise.withResolvers<void>();
  const options = { connectionString: database.url, where: "here", clock, logger: new MemoryLogger() };
  await using first = await acquireServerLock({ ...options, onLost: lost.resolve });
  expect(first).toBeDefined();
  // The thief waits for the lock inside PostgreSQL, so it has it the moment the first connection is cut.
  const ours = sql`locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;
  const thief = database.db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock((classid::bigint << 32) | objid::bigint)
      from pg_locks where ${ours} and granted limit 1`.execute(connection);
    await lost.promise;
  });
  const cut = sql`select pg_terminate_backend(pid) from pg_locks
    where ${ours} and granted and exists (select from pg_locks where ${ours} and not granted)`;
  while ((await cut.execute(database.db)).rows.length === 0) await clock.advance(1);
  await whilePassing(clock, lost.promise);
  await thief;
});

/** The outcome of something that waits on the clock, which runs until then. */
async function whilePassing<T>(clock: VirtualClock, outcome: Promise<T>): Promise<T> {
  const state = { isPending: true };
  void outcome.finally(() => (state.isPending = false));
  while (state.isPending) await clock.advance(100);
  return outcome;
}

function fail(): void {
  expect.unreachable("the lock was never lost");
}
