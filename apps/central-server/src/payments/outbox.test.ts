import { MemoryLogger, VirtualClock } from "@cyxwiz/platform";
import { expect, test } from "vitest";
import type { Database } from "../database/open-database.ts";
import { createTestDatabase } from "../database/database.fixture.ts";
import { Outbox, type OutboxHandler } from "./outbox.ts";

const signal = new AbortController().signal;

function setup(db: Database, handler: OutboxHandler): { outbox: Outbox; clock: VirtualClock } {
  const clock = new VirtualClock();
  const outbox = new Outbox({ db, clock, logger: new MemoryLogger(), random: () => 0.5, handlers: { greet: handler } });
  return { outbox, clock };
}

const row = (key: string, kind = "greet") => ({ kind, key, payload: { key } });
const rows = (db: Database) =>
  db.selectFrom("outbox").select(["key", "attempts", "done_at", "last_error"]).orderBy("id").execute();

test("a row is done once, and the same key is written once", async () => {
  await using database = await createTestDatabase();
  const done: unknown[] = [];
  const { outbox } = setup(database.db, async (payload) => void done.push(payload));
  await outbox.add(database.db, row("a"));
  await outbox.add(database.db, row("a"));
  expect([await outbox.drain(signal), await outbox.drain(signal)]).toEqual([1, 0]);
  expect(done).toEqual([{ key: "a" }]);
});

test("a row whose transaction is rolled back is never done", async () => {
  await using database = await createTestDatabase();
  const { outbox } = setup(database.db, async () => expect.unreachable("nothing was committed"));
  const undone = database.db.transaction().execute(async (transaction) => {
    await outbox.add(transaction, row("a"));
    throw new TypeError("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  expect(await outbox.drain(signal)).toBe(0);
});

test("a failed effect is tried again later, waiting longer each time, and others go on", async () => {
  await using database = await createTestDatabase();
  let failures = 2;
  const done: unknown[] = [];
  const { outbox, clock } = setup(database.db, async (payload) => {
    if ((payload as { key: string }).key === "a" && failures-- > 0) throw new TypeError("the rail is away");
    done.push(payload);
  });
  await outbox.add(database.db, row("a"));
  await outbox.add(database.db, row("b"));
  await outbox.drain(signal);
  expect(await rows(database.db)).toMatchObject([
    { key: "a", attempts: 1, last_error: "the rail is away" },
    { key: "b" },
  ]);
  expect(await outbox.drain(signal)).toBe(0);
  await clock.advance(250);
  expect(await outbox.drain(signal)).toBe(1);
  await clock.advance(250);
  expect(await outbox.drain(signal)).toBe(0);
  await clock.advance(250);
  expect(await outbox.drain(signal)).toBe(1);
  expect(done).toEqual([{ key: "b" }, { key: "a" }]);
});

test("a row whose worker died while at it is done by the next", async () => {
  await using database = await createTestDatabase();
  const started = Promise.withResolvers<void>();
  const died = Promise.withResolvers<void>();
  const { outbox, clock } = setup(database.db, async () => {
    started.resolve();
    await died.promise;
  });
  await outbox.add(database.db, row("a"));
  const first = outbox.drain(signal);
  await started.promise;
  let done = 0;
  const handlers = { greet: async (): Promise<void> => void (done += 1) };
  const second = new Outbox({ db: database.db, clock, logger: new MemoryLogger(), random: () => 0.5, handlers });
  expect(await second.drain(signal)).toBe(0);
  await clock.advance(60_000);
  expect([await second.drain(signal), done]).toEqual([1, 1]);
  died.resolve();
  await first;
});

test("a worker that is stopped gives back what it has not begun", async () => {
  await using database = await createTestDatabase();
  const stop = new AbortController();
  const { outbox } = setup(database.db, async () => stop.abort());
  await outbox.add(database.db, row("a"));
  await outbox.add(database.db, row("b"));
  await outbox.drain(stop.signal);
  expect(await rows(database.db)).toMatchObject([
    { key: "a", attempts: 1, done_at: expect.any(Date) },
    { key: "b", attempts: 0, done_at: null },
  ]);
  expect(await outbox.drain(signal)).toBe(1);
});

test("a row of a kind that nobody knows stays, with the reason", async () => {
  await using database = await createTestDatabase();
  const { outbox } = setup(database.db, async () => {});
  await outbox.add(database.db, row("a", "dance"));
  await outbox.drain(signal);
  const [kept] = await rows(database.db);
  expect(kept).toMatchObject({ done_at: null, last_error: expect.stringContaining('kind "dance", known are greet') });
  const handlers = {};
  const logger = new MemoryLogger();
  const empty = new Outbox({
    db: database.db,
    clock: new VirtualClock(Date.UTC(2027, 0, 1)),
    logger,
    random: () => 0,
    handlers,
  });
  await empty.drain(signal);
  expect(logger.lines).toMatchObject([
    { level: "warn", fields: { error: expect.stringContaining("outbox holds a row of kind") } },
  ]);
});

test("a poke wakes the worker, and its signal ends it", async () => {
  await using database = await createTestDatabase();
  const done = Promise.withResolvers<void>();
  const { outbox } = setup(database.db, async () => done.resolve());
  const stop = new AbortController();
  const running = outbox.run(stop.signal);
  await outbox.add(database.db, row("a"));
  outbox.poke();
  // The clock stands still: only the poke can have woken it.
  await done.promise;
  stop.abort();
  await running;
});
