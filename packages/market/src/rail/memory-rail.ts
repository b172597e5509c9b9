/**
 * A payment rail in memory, on the double-entry ledger: for tests and simulations.
 *
 * It is the reference that the other rails are held against. Nothing outlives the object.
 */
import { AppError, type Amount, type UserId } from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";
import type { Account, EscrowId } from "../ledger/account.ts";
import {
  changes,
  checkFunds,
  faucetTransaction,
  lockTransaction,
  rewardTransaction,
  settleTransaction,
  type LedgerTransaction,
} from "../ledger/transaction.ts";
import { MAX_HISTORY_PAGE } from "../limits.ts";
import { escrowMachine, type EscrowState } from "../state/escrow-state.ts";
import { describeCommand } from "./command-text.ts";
import type {
  FaucetCommand,
  History,
  HistoryEntry,
  HistoryPage,
  LockCommand,
  PaymentRail,
  Receipt,
  RewardCommand,
  SettleCommand,
  StopSignal,
} from "./payment-rail.ts";

interface Escrow {
  readonly state: EscrowState;
  readonly payer: UserId;
  readonly amount: Amount;
}

/** `now` is Unix time in milliseconds. */
export class MemoryRail implements PaymentRail {
  readonly kind = "ledger";
  readonly #now: () => number;
  readonly #balances = new Map<Account, bigint>();
  readonly #entries = new Map<Account, HistoryEntry[]>();
  readonly #escrows = new Map<EscrowId, Escrow>();
  readonly #done = new Map<string, { readonly command: string; readonly receipt: Receipt }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async faucet(command: FaucetCommand, signal?: StopSignal): Promise<Receipt> {
    return this.#once(command.idempotencyKey, describeCommand.faucet(command), signal, () => {
      this.#append(faucetTransaction(command.idempotencyKey, command.to, command.amount));
    });
  }

  async lock(command: LockCommand, signal?: StopSignal): Promise<Receipt> {
    const { escrowId, payer, idempotencyKey } = command;
    return this.#once(idempotencyKey, describeCommand.lock(command), signal, () => {
      const state = escrowMachine.move(this.#escrows.get(escrowId)?.state ?? "NONE", "locked");
      this.#append(lockTransaction(idempotencyKey, escrowId, payer, command.amount));
      this.#escrows.set(escrowId, { state, payer, amount: command.amount });
    });
  }

  async settle(command: SettleCommand, signal?: StopSignal): Promise<Receipt> {
    const { escrowId, refund, idempotencyKey } = command;
    return this.#once(idempotencyKey, describeCommand.settle(command), signal, () => {
      const escrow = this.#escrows.get(escrowId);
      if (escrow === undefined) throw new AppError(MARKET_ERRORS.ESCROW_NOT_FOUND, { escrowId });
      const settling = escrowMachine.move(escrow.state, "settlement-started");
      if (refund.to !== escrow.payer) {
        throw new AppError(MARKET_ERRORS.REFUND_TARGET_MISMATCH, { escrowId, payer: escrow.payer, to: refund.to });
      }
      this.#append(settleTransaction(idempotencyKey, escrowId, escrow.amount, command));
      this.#escrows.set(escrowId, { ...escrow, state: escrowMachine.move(settling, "settlement-confirmed") });
    });
  }

  async reward(command: RewardCommand, signal?: StopSignal): Promise<Receipt> {
    const { idempotencyKey, to, amount } = command;
    return this.#once(idempotencyKey, describeCommand.reward(command), signal, () => {
      this.#append(rewardTransaction(idempotencyKey, to, amount));
    });
  }

  async balance(account: Account, signal?: StopSignal): Promise<bigint> {
    signal?.throwIfAborted();
    return this.#balances.get(account) ?? 0n;
  }

  async history(account: Account, page: HistoryPage, signal?: StopSignal): Promise<History> {
    signal?.throwIfAborted();
    const all = this.#entries.get(account) ?? [];
    if (!Number.isInteger(page.limit) || page.limit < 1 || page.limit > MAX_HISTORY_PAGE) {
      throw new AppError(MARKET_ERRORS.PAGE_OUT_OF_RANGE, {
        field: "limit",
        value: String(page.limit),
        allowed: `1 to ${MAX_HISTORY_PAGE}`,
      });
    }
    const end = page.before === undefined ? all.length : Number(page.before);
    if (!/^\d+$/.test(page.before ?? "0") || end > all.length) {
      throw new AppError(MARKET_ERRORS.PAGE_OUT_OF_RANGE, {
        field: "before",
        value: String(page.before),
        allowed: "the `next` of a page of this account",
      });
    }
    const start = Math.max(0, end - page.limit);
    const entries = all.slice(start, end).toReversed();
    return start > 0 ? { entries, next: String(start) } : { entries };
  }

  /** Carries a command out under its key, or answers with the receipt that the key already has. */
  #once(key: string, command: string, signal: StopSignal | undefined, carryOut: () => void): Receipt {
    signal?.throwIfAborted();
    const first = this.#done.get(key);
    if (first !== undefined) {
      if (first.command === command) return first.receipt;
      throw new AppError(MARKET_ERRORS.IDEMPOTENCY_MISMATCH, { key, first: first.command, second: command });
    }
    carryOut();
    const receipt = { reference: key, at: this.#now() };
    this.#done.set(key, { command, receipt });
    return receipt;
  }

  #append(transaction: LedgerTransaction): void {
    checkFunds(transaction, (account) => this.#balances.get(account) ?? 0n);
    for (const [account, change] of changes(transaction)) {
      if (change === 0n) continue;
      this.#balances.set(account, (this.#balances.get(account) ?? 0n) + change);
      const entries = this.#entries.get(account) ?? [];
      entries.push({ reference: transaction.key, at: this.#now(), kind: transaction.kind, amount: change });
      this.#entries.set(account, entries);
    }
  }
}
