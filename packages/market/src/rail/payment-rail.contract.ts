/**
 * What every payment rail promises. An adapter runs it with a `setup` that gives a fresh rail and a way to fund users.
 *
 * Ids are drawn per test from a counter, so that adapters on one shared chain or database do not meet old money; what
 * is compared is always the change of a balance.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { amount, parseQuoteId, parseUserId, ZERO, type Amount, type UserId } from "@cyxwiz/primitives";
import { escrowAccount, PLATFORM_ACCOUNT, userAccount, type Account, type EscrowId } from "../ledger/account.ts";
import type { PaymentRail, SettleCommand } from "./payment-rail.ts";

export interface RailUnderTest {
  readonly rail: PaymentRail;
  /** Gives a user money to start with, from outside the rail's promises. */
  fund(user: UserId, amount: Amount): Promise<void>;
}

export interface RailContractOptions {
  /** Random sequences to try; fewer for a slow rail. */
  readonly runs?: number;
}

let drawn = 0;

function uuid(): string {
  return `0000000c-0000-4000-8000-${(++drawn).toString(16).padStart(12, "0")}`;
}

/** One funded payer, two owners, one escrow id. */
async function scene(setup: () => Promise<RailUnderTest>, funds = 1_000_000n) {
  const { rail, fund } = await setup();
  const payer = parseUserId(uuid());
  if (funds > 0n) await fund(payer, amount(funds));
  const platformBefore = await rail.balance(PLATFORM_ACCOUNT);
  const escrowId = parseQuoteId(uuid());
  return {
    rail,
    fund,
    payer,
    owner: parseUserId(uuid()),
    other: parseUserId(uuid()),
    escrowId,
    lock: (units: bigint, idempotencyKey = `lock-${escrowId}`, from: UserId = payer) =>
      rail.lock({ escrowId, payer: from, amount: amount(units), idempotencyKey }),
    settle: (differences: Partial<SettleCommand>) =>
      rail.settle({
        escrowId,
        owners: [],
        platform: ZERO,
        refund: { to: payer, amount: ZERO },
        idempotencyKey: `settle-${escrowId}`,
        ...differences,
      }),
    wallet: (user: UserId) => rail.balance(userAccount(user)),
    held: () => rail.balance(escrowAccount(escrowId)),
    platformGain: async () => (await rail.balance(PLATFORM_ACCOUNT)) - platformBefore,
  };
}

const withCode = (code: string): unknown => expect.objectContaining({ code });

export function paymentRailContract(
  name: string,
  setup: () => Promise<RailUnderTest>,
  options: RailContractOptions = {},
): void {
  describe(`payment rail contract: ${name}`, () => {
    movements(setup);
    rewards(setup);
    idempotency(setup);
    refusals(setup);
    readings(setup);
    conservation(setup, options.runs ?? 50);
  });
}

function movements(setup: () => Promise<RailUnderTest>): void {
  test("[RAIL1] a lock moves the amount from the payer to the escrow", async () => {
    const { lock, wallet, payer, held } = await scene(setup);
    await lock(400_000n);
    expect([await wallet(payer), await held()]).toEqual([600_000n, 400_000n]);
  });

  test("[RAIL2] a settlement pays the owner nine parts and the platform one", async () => {
    const { lock, settle, wallet, owner, held, platformGain } = await scene(setup);
    await lock(100_001n);
    await settle({ owners: [{ owner, amount: amount(90_001n) }], platform: amount(10_000n) });
    expect([await wallet(owner), await platformGain(), await held()]).toEqual([90_001n, 10_000n, 0n]);
  });

  test("[RAIL3] a refund gives the payer everything back", async () => {
    const { lock, settle, wallet, payer, held } = await scene(setup);
    await lock(400_000n);
    await settle({ refund: { to: payer, amount: amount(400_000n) } });
    expect([await wallet(payer), await held()]).toEqual([1_000_000n, 0n]);
  });

  test("[RAIL3] a partial settlement pays several owners and refunds the rest", async () => {
    const { lock, settle, wallet, payer, owner, other, platformGain } = await scene(setup);
    await lock(1_000n);
    await settle({
      owners: [
        { owner, amount: amount(300n) },
        { owner: other, amount: amount(150n) },
      ],
      platform: amount(50n),
      refund: { to: payer, amount: amount(500n) },
    });
    const balances = [await wallet(owner), await wallet(other), await platformGain(), await wallet(payer)];
    expect(balances).toEqual([300n, 150n, 50n, 999_500n]);
  });
}

function rewards(setup: () => Promise<RailUnderTest>): void {
  test("[RAIL15] a reward moves what the platform earned to a user, once for each key, and never more than it has", async () => {
    const { rail, lock, settle, wallet, owner, platformGain } = await scene(setup);
    await lock(100_000n);
    await settle({ platform: amount(100_000n) });
    const command = { to: owner, amount: amount(30_000n), idempotencyKey: `reward-${owner}` };
    const receipt = await rail.reward(command);
    expect(await rail.reward(command)).toEqual(receipt);
    expect(await wallet(owner)).toBe(30_000n);
    expect(await platformGain()).toBe(70_000n);
    const earned = await rail.balance(PLATFORM_ACCOUNT);
    const tooMuch = { ...command, amount: amount(earned + 1n), idempotencyKey: `more-${owner}` };
    await expect(rail.reward(tooMuch)).rejects.toEqual(withCode("market/insufficient-funds"));
    const nothing = { ...command, amount: ZERO, idempotencyKey: `none-${owner}` };
    await expect(rail.reward(nothing)).rejects.toEqual(withCode("market/amount-not-positive"));
    const other = { ...command, amount: amount(1n) };
    await expect(rail.reward(other)).rejects.toEqual(withCode("market/idempotency-mismatch"));
  });
}

function idempotency(setup: () => Promise<RailUnderTest>): void {
  test("[RAIL4] a command repeated under its key gives the first receipt and moves nothing", async () => {
    const { lock, settle, wallet, payer, owner } = await scene(setup);
    const locked = await lock(1_000n);
    expect(await lock(1_000n)).toEqual(locked);
    const all = { owners: [{ owner, amount: amount(1_000n) }] };
    const settled = await settle(all);
    expect(await settle(all)).toEqual(settled);
    expect([await wallet(payer), await wallet(owner)]).toEqual([999_000n, 1_000n]);
  });

  test("[RAIL5] a key that comes again with another command is refused", async () => {
    const { lock, settle, held, payer } = await scene(setup);
    await lock(1_000n, "key");
    await expect(lock(999n, "key")).rejects.toEqual(withCode("market/idempotency-mismatch"));
    const refund = { to: payer, amount: amount(1_000n) };
    await expect(settle({ refund, idempotencyKey: "key" })).rejects.toEqual(withCode("market/idempotency-mismatch"));
    expect(await held()).toBe(1_000n);
  });

  test("[RAIL4] a refused command leaves its key free", async () => {
    const { lock, fund, payer, held } = await scene(setup, 10n);
    await expect(lock(1_000n)).rejects.toEqual(withCode("market/insufficient-funds"));
    await fund(payer, amount(990n));
    await lock(1_000n);
    expect(await held()).toBe(1_000n);
  });
}

function refusals(setup: () => Promise<RailUnderTest>): void {
  test("[RAIL6] a payer who has too little is told what they have and what is needed", async () => {
    const { lock, held, payer } = await scene(setup, 2_000_000_000n);
    await expect(lock(3_500_000_000n)).rejects.toMatchObject({
      code: "market/insufficient-funds",
      context: { account: userAccount(payer), have: "2", need: "3.5" },
    });
    expect(await held()).toBe(0n);
  });

  test("[RAIL6] a lock of nothing is refused", async () => {
    const { lock } = await scene(setup);
    await expect(lock(0n)).rejects.toEqual(withCode("market/amount-not-positive"));
  });

  test("[RAIL7] an escrow is locked once, whatever the key", async () => {
    const { lock, held } = await scene(setup);
    await lock(1_000n);
    await expect(lock(1_000n, "another key")).rejects.toEqual(withCode("market/transition-refused"));
    expect(await held()).toBe(1_000n);
  });

  test("[RAIL7] an escrow is settled once, whatever the key, and never locked again", async () => {
    const { lock, settle, wallet, owner } = await scene(setup);
    await lock(1_000n);
    const all = { owners: [{ owner, amount: amount(1_000n) }] };
    await settle(all);
    const again = settle({ ...all, idempotencyKey: "another key" });
    await expect(again).rejects.toEqual(withCode("market/transition-refused"));
    await expect(lock(1_000n, "a third key")).rejects.toEqual(withCode("market/transition-refused"));
    expect(await wallet(owner)).toBe(1_000n);
  });

  test("[RAIL8] an escrow that was never locked cannot be settled", async () => {
    const { settle } = await scene(setup);
    await expect(settle({})).rejects.toEqual(withCode("market/escrow-not-found"));
  });

  test.each([1_001n, 999n])("[RAIL9] paying %d out of 1,000 is refused and moves nothing", async (paid) => {
    const { lock, settle, wallet, owner, held } = await scene(setup);
    await lock(1_000n);
    const wrong = settle({ owners: [{ owner, amount: amount(paid) }] });
    await expect(wrong).rejects.toEqual(withCode("market/settlement-mismatch"));
    expect([await wallet(owner), await held()]).toEqual([0n, 1_000n]);
  });

  test("[RAIL10] a refund to anybody but the payer is refused", async () => {
    const { lock, settle, other, held } = await scene(setup);
    await lock(1_000n);
    const stolen = settle({ refund: { to: other, amount: amount(1_000n) } });
    await expect(stolen).rejects.toEqual(withCode("market/refund-target-mismatch"));
    expect(await held()).toBe(1_000n);
  });

  test("[RAIL13] a command whose signal is aborted does nothing", async () => {
    const { rail, escrowId, payer, held } = await scene(setup);
    const command = { escrowId, payer, amount: amount(1n), idempotencyKey: `aborted-${escrowId}` };
    await expect(rail.lock(command, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    expect(await held()).toBe(0n);
  });
}

function readings(setup: () => Promise<RailUnderTest>): void {
  test("[RAIL11] history is newest first, signed, and pages without a gap or a repeat", async () => {
    const { rail, lock, settle, payer, wallet } = await scene(setup);
    const locked = await lock(1_000n);
    const settled = await settle({ refund: { to: payer, amount: amount(1_000n) } });
    const newest = await rail.history(userAccount(payer), { limit: 1 });
    expect(newest.entries).toMatchObject([{ reference: settled.reference, kind: "settle", amount: 1_000n }]);
    const older = await rail.history(userAccount(payer), { limit: 1, before: newest.next ?? "" });
    expect(older.entries).toMatchObject([{ reference: locked.reference, kind: "lock", amount: -1_000n }]);
    const all = await rail.history(userAccount(payer), { limit: 200 });
    expect(all.next).toBeUndefined();
    expect(all.entries.reduce((sum, entry) => sum + entry.amount, 0n)).toBe(await wallet(payer));
  });

  test("[RAIL11] a page limit out of range is refused, and so is a cursor that no page gave", async () => {
    const { rail, payer } = await scene(setup);
    const refused = withCode("market/page-out-of-range");
    await expect(rail.history(userAccount(payer), { limit: 0 })).rejects.toEqual(refused);
    await expect(rail.history(userAccount(payer), { limit: 201 })).rejects.toEqual(refused);
    await expect(rail.history(userAccount(payer), { limit: 1, before: "nonsense" })).rejects.toEqual(refused);
  });

  test("[RAIL14] a faucet, where there is one, gives once for each key", async () => {
    const { rail, owner, wallet } = await scene(setup);
    if (rail.faucet === undefined) return;
    const command = { to: owner, amount: amount(7n), idempotencyKey: `faucet-${owner}` };
    expect(await rail.faucet(command)).toEqual(await rail.faucet(command));
    expect(await wallet(owner)).toBe(7n);
    const nothing = { to: owner, amount: ZERO, idempotencyKey: `none-${owner}` };
    await expect(rail.faucet(nothing)).rejects.toEqual(withCode("market/amount-not-positive"));
  });
}

/** A step of a random sequence: who, which escrow, how much, and how a settlement divides (in thousandths). */
const step = fc.record({
  kind: fc.constantFrom("lock", "settle"),
  user: fc.nat(2),
  escrow: fc.nat(3),
  units: fc.bigInt({ min: 0n, max: 1_500n }),
  ownerPart: fc.nat(1_000),
  key: fc.nat(5),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function conservation(setup: () => Promise<RailUnderTest>, runs: number): void {
  test(
    "[RAIL12] no sequence of commands makes or loses money, or takes anybody below zero",
    { timeout: 120_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const { rail, fund } = await setup();
          const users = [uuid(), uuid(), uuid()].map(parseUserId);
          const escrows = [uuid(), uuid(), uuid(), uuid()].map(parseQuoteId);
          for (const user of users) await fund(user, amount(1_000n));
          const accounts: readonly Account[] = [
            ...users.map(userAccount),
            ...escrows.map(escrowAccount),
            PLATFORM_ACCOUNT,
          ];
          const read = (): Promise<readonly bigint[]> => Promise.all(accounts.map((account) => rail.balance(account)));
          const total = sum(await read());
          for (const each of steps) {
            await attempt(rail, each, users, escrows);
            const balances = await read();
            expect(balances.every((balance) => balance >= 0n)).toBe(true);
            expect(sum(balances)).toBe(total);
          }
        }),
        { numRuns: runs },
      );
    },
  );
}

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);

/** Carries a step out; a refusal is an answer like any other, as long as no money moved. */
async function attempt(
  rail: PaymentRail,
  { kind, user, escrow, units, ownerPart, key }: Step,
  users: readonly UserId[],
  escrows: readonly EscrowId[],
): Promise<void> {
  const payer = users[user] as UserId;
  const escrowId = escrows[escrow] as EscrowId;
  const idempotencyKey = `${escrows[0]}-${key}`;
  const held = amount(await rail.balance(escrowAccount(escrowId)));
  const owners = amount((held * BigInt(ownerPart)) / 1_000n);
  const done =
    kind === "lock"
      ? rail.lock({ escrowId, payer, amount: amount(units), idempotencyKey })
      : rail.settle({
          escrowId,
          owners: [{ owner: users[(user + 1) % users.length] as UserId, amount: owners }],
          platform: ZERO,
          refund: { to: payer, amount: amount(held - owners) },
          idempotencyKey,
        });
  await done.catch((error: unknown) => expect(error).toMatchObject({ name: "AppError" }));
}
