/**
 * The payment rail on PostgreSQL: double-entry postings, with test tokens from a faucet. Its money is simulated.
 *
 * One command is one transaction of postings. Balances are sums of postings, never stored. Commands that touch an account
 * take its advisory lock until their transaction ends, so two of them cannot both spend what is there once. The rail knows
 * an escrow only by its lock and settlement, as a chain would; the `escrows` table is the server's own record of it.
 */
import { AppError, type Amount, type UserId } from "@cyxwiz/primitives";
import {
  changes,
  checkFunds,
  describeCommand,
  escrowAccount,
  escrowMachine,
  faucetTransaction,
  lockTransaction,
  rewardTransaction,
  MARKET_ERRORS,
  MAX_HISTORY_PAGE,
  mayGoNegative,
  PLATFORM_ACCOUNT,
  settleTransaction,
  userAccount,
  type Account,
  type EscrowId,
  type FaucetCommand,
  type History,
  type HistoryPage,
  type LedgerTransaction,
  type LockCommand,
  type PaymentRail,
  type Receipt,
  type RewardCommand,
  type SettleCommand,
  type StopSignal,
  type TransactionKind,
} from "@cyxwiz/market";
import { sql } from "kysely";
import type { Database } from "../database/open-database.ts";
import { inTransaction, type MarketTransaction, type TransactionContext } from "../database/transaction.ts";
import { lockAccounts } from "./account-locks.ts";
import { lockPlain } from "./lock-batch.ts";

/** The rail, and the same rail inside a transaction that the caller commits. */
export interface LedgerRail extends PaymentRail {
  readonly kind: "ledger";
  faucet(command: FaucetCommand, signal?: StopSignal): Promise<Receipt>;
  /**
   * Carries out, of these locks, at once the plain ones: of escrows not known yet, paid by wallets that have the money.
   * Returns their escrows. Of any other `lock` says what its receipt is, or why it is refused.
   */
  lockPlain(commands: readonly LockCommand[]): Promise<ReadonlySet<EscrowId>>;
  /** Commands then happen when, and only when, the caller's transaction commits. */
  within(transaction: MarketTransaction): LedgerRail;
}

export function createLedgerRail(context: TransactionContext): LedgerRail {
  const { db } = context;
  const command = async (asked: Command, signal: StopSignal | undefined): Promise<Receipt> => {
    signal?.throwIfAborted();
    return inTransaction(context, (transaction) => carryOut(transaction, asked, context.clock.now()));
  };
  return {
    kind: "ledger",
    faucet: async (asked, signal) => command(faucetCommand(asked), signal),
    lock: async (asked, signal) => command(lockCommand(asked), signal),
    lockPlain: async (commands) =>
      inTransaction(context, (transaction) => lockPlain(transaction, commands, context.clock.now())),
    settle: async (asked, signal) => command(settleCommand(asked), signal),
    reward: async (asked, signal) => command(rewardCommand(asked), signal),
    balance: async (account, signal) => {
      signal?.throwIfAborted();
      return balanceOf(db, account);
    },
    history: async (account, page, signal) => {
      signal?.throwIfAborted();
      return historyOf(db, account, page);
    },
    within: (transaction) => createLedgerRail({ ...context, db: transaction }),
  };
}

/** A command ready to be carried out once: what it locks, and how its postings follow from what is in the books. */
interface Command {
  readonly key: string;
  readonly kind: TransactionKind;
  readonly text: string;
  readonly escrowId: EscrowId | undefined;
  readonly accounts: readonly Account[];
  readonly build: (escrow: EscrowBook | undefined) => LedgerTransaction;
}

/** What the books say of an escrow. */
interface EscrowBook {
  readonly payer: UserId;
  readonly amount: Amount;
  readonly isSettled: boolean;
}

function faucetCommand(command: FaucetCommand): Command {
  const { idempotencyKey: key, to, amount } = command;
  return {
    key,
    kind: "faucet",
    text: describeCommand.faucet(command),
    escrowId: undefined,
    accounts: [userAccount(to)],
    build: () => faucetTransaction(key, to, amount),
  };
}

function lockCommand(command: LockCommand): Command {
  const { idempotencyKey: key, escrowId, payer, amount } = command;
  return {
    key,
    kind: "lock",
    text: describeCommand.lock(command),
    escrowId,
    accounts: [userAccount(payer), escrowAccount(escrowId)],
    build: (escrow) => {
      escrowMachine.move(stateOf(escrow), "locked");
      return lockTransaction(key, escrowId, payer, amount);
    },
  };
}

function settleCommand(command: SettleCommand): Command {
  const { idempotencyKey: key, escrowId, refund } = command;
  return {
    key,
    kind: "settle",
    text: describeCommand.settle(command),
    escrowId,
    accounts: [escrowAccount(escrowId)],
    build: (escrow) => {
      if (escrow === undefined) throw new AppError(MARKET_ERRORS.ESCROW_NOT_FOUND, { escrowId });
      escrowMachine.move(stateOf(escrow), "settlement-started");
      if (refund.to !== escrow.payer) {
        throw new AppError(MARKET_ERRORS.REFUND_TARGET_MISMATCH, { escrowId, payer: escrow.payer, to: refund.to });
      }
      return settleTransaction(key, escrowId, escrow.amount, command);
    },
  };
}

function rewardCommand(command: RewardCommand): Command {
  const { idempotencyKey: key, to, amount } = command;
  return {
    key,
    kind: "reward",
    text: describeCommand.reward(command),
    escrowId: undefined,
    accounts: [PLATFORM_ACCOUNT, userAccount(to)],
    build: () => rewardTransaction(key, to, amount),
  };
}

function stateOf(escrow: EscrowBook | undefined): "NONE" | "LOCKED" | "SETTLED" {
  if (escrow === undefined) return "NONE";
  return escrow.isSettled ? "SETTLED" : "LOCKED";
}

async function carryOut(transaction: MarketTransaction, command: Command, now: number): Promise<Receipt> {
  // First the locks: the same key may be carried out while this one waits for them.
  await lockAccounts(transaction, command.accounts);
  const first = await receiptOf(transaction, command);
  if (first !== undefined) return first;

  const escrow = command.escrowId === undefined ? undefined : await escrowBook(transaction, command.escrowId);
  const entry = command.build(escrow);
  const balances = new Map<Account, bigint>();
  for (const [account, change] of changes(entry)) {
    if (change < 0n && !mayGoNegative(account)) balances.set(account, await balanceOf(transaction, account));
  }
  checkFunds(entry, (account) => balances.get(account) ?? 0n);

  const inserted = await transaction
    .insertInto("ledger_transactions")
    .values({
      key: entry.key,
      kind: entry.kind,
      command: command.text,
      escrow_id: command.escrowId ?? null,
      at: new Date(now),
    })
    .onConflict((conflict) => conflict.column("key").doNothing())
    .returning("id")
    .executeTakeFirst();
  // Another command took the key at the same moment and touches other accounts: its text decides the answer.
  if (inserted === undefined) return (await receiptOf(transaction, command)) ?? { reference: command.key, at: now };
  const postings = entry.postings.map((posting) => ({ ...posting, transaction_id: inserted.id }));
  await transaction.insertInto("postings").values(postings).execute();
  return { reference: entry.key, at: now };
}

/** The first receipt of a key. @throws AppError `market/idempotency-mismatch` when it was given for another command. */
async function receiptOf(db: Database, command: Command): Promise<Receipt | undefined> {
  const row = await db
    .selectFrom("ledger_transactions")
    .select(["command", "at"])
    .where("key", "=", command.key)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.command === command.text) return { reference: command.key, at: row.at.getTime() };
  const context = { key: command.key, first: row.command, second: command.text };
  throw new AppError(MARKET_ERRORS.IDEMPOTENCY_MISMATCH, context);
}

async function escrowBook(db: Database, escrowId: EscrowId): Promise<EscrowBook | undefined> {
  const { rows } = await sql<{ payer: string; amount: bigint; settled: boolean }>`
    select substr(p.account, 6) as payer, -p.amount as amount,
      exists (select from ledger_transactions s where s.escrow_id = t.escrow_id and s.kind = 'settle') as settled
    from ledger_transactions t join postings p on p.transaction_id = t.id and p.amount < 0
    where t.escrow_id = ${escrowId} and t.kind = 'lock'
  `.execute(db);
  const row = rows[0];
  return row && { payer: row.payer as UserId, amount: row.amount as Amount, isSettled: row.settled };
}

async function balanceOf(db: Database, account: Account): Promise<bigint> {
  const { rows } = await sql<{ sum: bigint }>`
    select coalesce(sum(amount), 0)::bigint as sum from postings where account = ${account}
  `.execute(db);
  return rows[0]?.sum ?? 0n;
}

async function historyOf(db: Database, account: Account, page: HistoryPage): Promise<History> {
  const { limit, before } = page;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_HISTORY_PAGE) {
    throw pageError("limit", String(limit), `1 to ${MAX_HISTORY_PAGE}`);
  }
  if (before !== undefined && !/^\d{1,18}$/.test(before)) {
    throw pageError("before", before, "the `next` of a page of this account");
  }
  let query = db
    .selectFrom("postings as p")
    .innerJoin("ledger_transactions as t", "t.id", "p.transaction_id")
    .select(["p.id", "p.amount", "t.key as reference", "t.kind", "t.at"])
    .where("p.account", "=", account)
    .orderBy("p.id", "desc")
    .limit(limit + 1);
  if (before !== undefined) query = query.where("p.id", "<", BigInt(before));
  const rows = await query.execute();
  const entries = rows.slice(0, limit).map((row) => ({
    reference: row.reference,
    at: row.at.getTime(),
    kind: row.kind as TransactionKind,
    amount: row.amount,
  }));
  const last = rows[limit - 1];
  return rows.length > limit && last ? { entries, next: String(last.id) } : { entries };
}

function pageError(field: string, value: string, allowed: string): AppError {
  return new AppError(MARKET_ERRORS.PAGE_OUT_OF_RANGE, { field, value, allowed });
}
