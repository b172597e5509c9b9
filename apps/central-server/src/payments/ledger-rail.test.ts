import { randomUUID } from "node:crypto";
import { amount, type QuoteId, type UserId } from "@cyxwiz/primitives";
import { systemClock, VirtualClock } from "@cyxwiz/platform";
import { userAccount } from "@cyxwiz/market";
import { paymentRailContract } from "@cyxwiz/market/contract";
import { expect, test } from "vitest";
import type { Database } from "../database/open-database.ts";
import { createTestDatabase } from "../database/database.fixture.ts";
import { createLedgerRail, type LedgerRail } from "./ledger-rail.ts";

const ledger = (db: Database): LedgerRail => createLedgerRail({ db, clock: systemClock, random: () => 0.5 });
const newId = <T>(): T => randomUUID() as T;

let shared: Promise<LedgerRail> | undefined;
paymentRailContract(
  "ledger",
  async () => {
    // The contract draws fresh ids, so one database does; it is dropped after this file.
    const rail = await (shared ??= createTestDatabase().then(({ db }) => ledger(db)));
    const fund = async (to: UserId, units: ReturnType<typeof amount>): Promise<void> => {
      await rail.faucet({ to, amount: units, idempotencyKey: newId() });
    };
    return { rail, fund };
  },
  { runs: 15 },
);

async function funded(db: Database, units: bigint): Promise<{ rail: LedgerRail; payer: UserId }> {
  const rail = ledger(db);
  const payer = newId<UserId>();
  await rail.faucet({ to: payer, amount: amount(units), idempotencyKey: newId() });
  return { rail, payer };
}

test("many locks at once never take a wallet below zero", async () => {
  await using database = await createTestDatabase();
  const { rail, payer } = await funded(database.db, 1_000n);
  const lock = async (): Promise<unknown> =>
    rail.lock({ escrowId: newId<QuoteId>(), payer, amount: amount(300n), idempotencyKey: newId() });
  const results = await Promise.allSettled(Array.from({ length: 16 }, lock));
  expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(3);
  expect(await rail.balance(userAccount(payer))).toBe(100n);
});

test("the same command sent many times at once moves money once, with one receipt", async () => {
  await using database = await createTestDatabase();
  const { rail, payer } = await funded(database.db, 1_000n);
  const command = { escrowId: newId<QuoteId>(), payer, amount: amount(400n), idempotencyKey: "once" };
  const receipts = await Promise.all(Array.from({ length: 8 }, () => rail.lock(command)));
  expect(new Set(receipts.map((receipt) => receipt.at)).size).toBe(1);
  expect(await rail.balance(userAccount(payer))).toBe(600n);
});

test("two commands that race for one key: one is done, the other is a mismatch", async () => {
  await using database = await createTestDatabase();
  const { rail, payer } = await funded(database.db, 1_000n);
  const other = await funded(database.db, 1_000n);
  const command = (from: UserId) => ({
    escrowId: newId<QuoteId>(),
    payer: from,
    amount: amount(1n),
    idempotencyKey: "one",
  });
  const results = await Promise.allSettled([rail.lock(command(payer)), rail.lock(command(other.payer))]);
  expect(results.map((result) => result.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(results.find((result) => result.status === "rejected")).toMatchObject({
    reason: { code: "market/idempotency-mismatch" },
  });
});

test("within a transaction that is rolled back nothing happened", async () => {
  await using database = await createTestDatabase();
  const { rail, payer } = await funded(database.db, 1_000n);
  const command = { escrowId: newId<QuoteId>(), payer, amount: amount(400n), idempotencyKey: "lock" };
  const failed = database.db.transaction().execute(async (transaction) => {
    await rail.within(transaction).lock(command);
    throw new TypeError("the job was refused");
  });
  await expect(failed).rejects.toThrow("the job was refused");
  expect(await rail.balance(userAccount(payer))).toBe(1_000n);
  await rail.lock(command);
  expect(await rail.balance(userAccount(payer))).toBe(600n);
});

test("a receipt carries the clock's time, also when it comes from the books", async () => {
  await using database = await createTestDatabase();
  const clock = new VirtualClock(1_700_000_000_000);
  const rail = createLedgerRail({ db: database.db, clock, random: () => 0.5 });
  const command = { to: newId<UserId>(), amount: amount(1n), idempotencyKey: "gift" };
  await rail.faucet(command);
  await clock.advance(5_000);
  expect(await rail.faucet(command)).toEqual({ reference: "gift", at: 1_700_000_000_000 });
});
