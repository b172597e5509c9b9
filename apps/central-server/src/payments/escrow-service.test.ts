import { randomUUID } from "node:crypto";
import { amount, ZERO, type Amount, type QuoteId, type UnitId, type UserId } from "@cyxwiz/primitives";
import { MemoryLogger, VirtualClock } from "@cyxwiz/platform";
import { escrowAccount, PLATFORM_ACCOUNT, userAccount } from "@cyxwiz/market";
import { expect, test } from "vitest";
import type { Database } from "../database/open-database.ts";
import { createTestDatabase } from "../database/database.fixture.ts";
import { EscrowService, parseEscrowShares, SETTLE_KIND } from "./escrow-service.ts";
import { createLedgerRail } from "./ledger-rail.ts";
import { Outbox } from "./outbox.ts";
import { readHistory, readWallet } from "./wallet-statement.ts";

const UNIT = "unit_cpu0_abcdef" as UnitId;
const signal = new AbortController().signal;

async function setup() {
  const database = await createTestDatabase();
  const { db } = database;
  const clock = new VirtualClock();
  const random = (): number => 0.5;
  const rail = createLedgerRail({ db, clock, random });
  const handlers = { [SETTLE_KIND]: async (payload: unknown): Promise<void> => escrows.confirmSettlement(payload) };
  const outbox = new Outbox({ db, clock, logger: new MemoryLogger(), random, handlers });
  const escrows = new EscrowService({ db, clock, random, rail, outbox });
  const payer = await insertUser(db, "payer");
  const owner = await insertUser(db, "owner");
  await rail.faucet({ to: payer, amount: amount(1_000n), idempotencyKey: "fund" });
  return {
    db,
    clock,
    rail,
    outbox,
    escrows,
    payer,
    owner,
    [Symbol.asyncDispose]: async () => database[Symbol.asyncDispose](),
  };
}
type Scene = Awaited<ReturnType<typeof setup>>;

async function insertUser(db: Database, name: string): Promise<UserId> {
  const id = randomUUID() as UserId;
  const row = { id, email: `${name}@example.org`, username: name, name, password_hash: "", wallet_address: null };
  await db
    .insertInto("users")
    .values({ ...row, created_at: new Date() })
    .execute();
  return id;
}

async function insertQuote(
  { db, clock, payer }: Scene,
  units: bigint,
): Promise<{ quoteId: QuoteId; payer: UserId; amount: Amount }> {
  const quoteId = randomUUID() as QuoteId;
  const empty = { dataset: "{}", settings: "{}", requirements: "{}", cost: "{}", offer: "{}" };
  const texts = { name: "MNIST", graph: "", graph_hash: "", seed: "0", signature: "" };
  const times = { created_at: new Date(clock.now()), expires_at: new Date(clock.now() + 600_000) };
  await db
    .insertInto("quotes")
    .values({ id: quoteId, user_id: payer, amount: units, total_steps: 10n, ...empty, ...texts, ...times })
    .execute();
  return { quoteId, payer, amount: amount(units) };
}

/** A locked quote with its job and the unit that worked on it. */
async function insertJob(scene: Scene, units: bigint): Promise<QuoteId> {
  const { db, escrows, payer, owner, clock } = scene;
  const quote = await insertQuote(scene, units);
  const at = new Date(clock.now());
  const machine = {
    id: randomUUID(),
    owner_id: owner,
    public_key: Buffer.alloc(32),
    api_key_hash: Buffer.alloc(32),
    name: "n",
    hostname: "h",
  };
  const nulls = { port: null, region: null, fingerprint: null, version: null, last_seen_at: null, registered_at: at };
  const device = {
    device_type: "cpu" as const,
    device_id: 0,
    device_name: "CPU",
    allocation: "{}",
    memory_bytes: 0n,
    price_per_hour: 0n,
  };
  const unmeasured = {
    train_flops_per_second: null,
    lowering: null,
    build: null,
    hardware_class: null,
    status_reason: null,
  };
  await db
    .insertInto("machines")
    .values({ ...machine, os: "linux", ip_address: "", hardware: "{}", state: "ACTIVE", reputation: 1, ...nulls })
    .execute();
  await db
    .insertInto("compute_units")
    .values({
      id: UNIT,
      machine_id: machine.id,
      owner_id: owner,
      ...device,
      ...unmeasured,
      status: "ACTIVE",
      registered_at: at,
    })
    .execute();
  await db.transaction().execute(async (transaction) => {
    await escrows.lock(transaction, quote);
    const job = {
      id: randomUUID(),
      user_id: payer,
      quote_id: quote.quoteId,
      name: "MNIST",
      state: "RUNNING",
      total_steps: 10n,
      total_epochs: 1,
    };
    await transaction
      .insertInto("jobs")
      .values({ ...job, cancel_keep_model: null, created_at: at, started_at: at, ended_at: null })
      .execute();
  });
  return quote.quoteId;
}

const lock = ({ db, escrows }: Scene, quote: { quoteId: QuoteId; payer: UserId; amount: Amount }): Promise<void> =>
  db.transaction().execute((transaction) => escrows.lock(transaction, quote));

const escrowRow = (db: Database, quoteId: QuoteId) =>
  db.selectFrom("escrows").selectAll().where("quote_id", "=", quoteId).executeTakeFirstOrThrow();

test("a quote is locked once, also when two submits race", async () => {
  await using scene = await setup();
  const quote = await insertQuote(scene, 400n);
  await Promise.all([lock(scene, quote), lock(scene, quote)]);
  await lock(scene, quote);
  expect(await scene.rail.balance(escrowAccount(quote.quoteId))).toBe(400n);
  expect(await readWallet(scene.db, scene.payer)).toEqual({
    balance: "0.0000006",
    locked: "0.0000004",
    earned: "0",
    rail: "ledger",
    simulated: true,
  });
});

test("a payer without the money is refused and nothing is left of the attempt", async () => {
  await using scene = await setup();
  const quote = await insertQuote(scene, 1_001n);
  await expect(lock(scene, quote)).rejects.toMatchObject({ code: "market/insufficient-funds" });
  expect(await scene.db.selectFrom("escrows").selectAll().execute()).toEqual([]);
});

test("a settlement pays after the commit that decided it, once, and tells who listens", async () => {
  await using scene = await setup();
  const { db, escrows, outbox, rail, payer, owner } = scene;
  const quoteId = await insertJob(scene, 400n);
  const settled: QuoteId[] = [];
  escrows.onSettled((id) => settled.push(id));
  const settlement = {
    owners: [{ owner, unit: UNIT, amount: amount(180n) }],
    platform: amount(20n),
    refunded: amount(200n),
  };
  await db.transaction().execute((transaction) => escrows.startSettlement(transaction, quoteId, settlement));
  expect([(await escrowRow(db, quoteId)).state, await rail.balance(userAccount(owner))]).toEqual(["SETTLING", 0n]);

  await outbox.drain(signal);
  await escrows.confirmSettlement({ quoteId });
  const row = await escrowRow(db, quoteId);
  expect([row.state, settled]).toEqual(["SETTLED", [quoteId]]);
  expect(parseEscrowShares(row.shares)).toMatchObject([{ owner_id: owner, unit_id: UNIT, amount: "0.00000018" }]);
  const balances = [userAccount(owner), PLATFORM_ACCOUNT, userAccount(payer)] as const;
  expect(await Promise.all(balances.map((account) => rail.balance(account)))).toEqual([180n, 20n, 800n]);
  expect(await readWallet(db, owner)).toMatchObject({ balance: "0.00000018", earned: "0.00000018" });
  const { entries } = await readHistory(db, payer, { limit: 50 });
  expect(entries).toMatchObject([
    { kind: "refund", amount: "0.0000002", balance: "0.0000008", memo: "Back from MNIST", job_id: expect.any(String) },
    { kind: "lock", amount: "-0.0000004", balance: "0.0000006", memo: "Locked for MNIST" },
    { kind: "faucet", amount: "0.000001", balance: "0.000001", job_id: null },
  ]);
  expect((await readHistory(db, owner, { limit: 50 })).entries).toMatchObject([
    { kind: "owner-share", memo: "Earned with MNIST" },
  ]);
});

test("a settlement that does not add up, comes twice or has no escrow is refused", async () => {
  await using scene = await setup();
  const { db, escrows } = scene;
  const quoteId = await insertJob(scene, 400n);
  const start = (id: QuoteId, refunded: bigint): Promise<void> =>
    db
      .transaction()
      .execute((transaction) =>
        escrows.startSettlement(transaction, id, { owners: [], platform: ZERO, refunded: amount(refunded) }),
      );
  await expect(start(quoteId, 399n)).rejects.toMatchObject({ code: "market/settlement-mismatch" });
  await expect(start(randomUUID() as QuoteId, 1n)).rejects.toMatchObject({ code: "market/escrow-not-found" });
  await start(quoteId, 400n);
  await expect(start(quoteId, 400n)).rejects.toMatchObject({ code: "market/transition-refused" });
});

test("an escrow whose quote lapsed without a job goes back, one with a job stays", async () => {
  await using scene = await setup();
  const { db, escrows, outbox, rail, payer, clock } = scene;
  const withJob = await insertJob(scene, 100n);
  const quote = await insertQuote(scene, 300n);
  await lock(scene, quote);
  await clock.advance(600_000);
  expect(await escrows.refundLapsed()).toBe(0);
  await clock.advance(60_001);
  expect([await escrows.refundLapsed(), await escrows.refundLapsed()]).toEqual([1, 0]);
  await outbox.drain(signal);
  expect(await rail.balance(userAccount(payer))).toBe(900n);
  expect([(await escrowRow(db, quote.quoteId)).state, (await escrowRow(db, withJob)).state]).toEqual([
    "SETTLED",
    "LOCKED",
  ]);
});

test("a free quote goes the same way without moving anything", async () => {
  await using scene = await setup();
  const { db, escrows, outbox } = scene;
  const quoteId = await insertJob(scene, 0n);
  const nothing = { owners: [], platform: ZERO, refunded: ZERO };
  await db.transaction().execute((transaction) => escrows.startSettlement(transaction, quoteId, nothing));
  await outbox.drain(signal);
  expect((await escrowRow(db, quoteId)).state).toBe("SETTLED");
});
