/**
 * The payment rail: where money is really held and moved. A port, types only.
 *
 * Its adapters are the ledger in PostgreSQL, the programs on Solana, and `MemoryRail` for tests. Every one of them passes
 * `payment-rail.contract.ts`. A rail moves what it is told and keeps three promises: nothing leaves an escrow but in one
 * settlement that adds up, nobody goes below zero, and a command that is repeated is done once.
 */
import type { Amount, UserId } from "@cyxwiz/primitives";
import type { Account, EscrowId } from "../ledger/account.ts";
import type { TransactionKind } from "../ledger/transaction.ts";

/** What of an `AbortSignal` a rail needs. Any `AbortSignal` fits, without pure code knowing the web platform. */
export interface StopSignal {
  readonly aborted: boolean;
  throwIfAborted(): void;
}

/** Gives test tokens. Only rails of test networks offer it. */
export interface FaucetCommand {
  readonly to: UserId;
  readonly amount: Amount;
  readonly idempotencyKey: string;
}

/** Takes the amount from the payer's wallet and holds it under the escrow's id. */
export interface LockCommand {
  readonly escrowId: EscrowId;
  readonly payer: UserId;
  readonly amount: Amount;
  readonly idempotencyKey: string;
}

/** Divides the whole of an escrow: owners + platform + refund = what is locked. The refund goes to the payer only. */
export interface SettleCommand {
  readonly escrowId: EscrowId;
  readonly owners: readonly { readonly owner: UserId; readonly amount: Amount }[];
  readonly platform: Amount;
  readonly refund: { readonly to: UserId; readonly amount: Amount };
  readonly idempotencyKey: string;
}

/** Passes a part of what the platform earned on to a user: what verifiers are paid from. */
export interface RewardCommand {
  readonly to: UserId;
  readonly amount: Amount;
  readonly idempotencyKey: string;
}

/** Proof that a command was carried out. */
export interface Receipt {
  /** The rail's own name for the movement: a ledger transaction's key, or a chain signature. */
  readonly reference: string;
  /** Unix time in milliseconds. */
  readonly at: number;
}

/** Which part of an account's history: newest first, at most `limit` entries, those before the cursor. */
export interface HistoryPage {
  readonly limit: number;
  /** `next` of the page before; absent for the newest. */
  readonly before?: string;
}

/** One movement of one account. `amount` is signed: above zero came in. */
export interface HistoryEntry {
  readonly reference: string;
  readonly at: number;
  readonly kind: TransactionKind;
  readonly amount: bigint;
}

export interface History {
  readonly entries: readonly HistoryEntry[];
  /** Present when older entries exist. */
  readonly next?: string;
}

/**
 * Idempotency: a key that comes again with the same command gives the first receipt and moves nothing.
 *
 * @throws AppError `market/idempotency-mismatch` when a key comes again with another command.
 */
export interface PaymentRail {
  readonly kind: "ledger" | "solana";
  /** @throws AppError `market/amount-not-positive`. */
  faucet?(command: FaucetCommand, signal?: StopSignal): Promise<Receipt>;
  /**
   * @throws AppError `market/insufficient-funds` with have and need, `market/amount-not-positive`,
   * `market/transition-refused` when the escrow is already locked.
   */
  lock(command: LockCommand, signal?: StopSignal): Promise<Receipt>;
  /**
   * @throws AppError `market/escrow-not-found`, `market/settlement-mismatch` when it does not add up,
   * `market/refund-target-mismatch`, `market/transition-refused` when the escrow is already settled.
   */
  settle(command: SettleCommand, signal?: StopSignal): Promise<Receipt>;
  /** @throws AppError `market/insufficient-funds` while the platform has less; `market/amount-not-positive`. */
  reward(command: RewardCommand, signal?: StopSignal): Promise<Receipt>;
  /** Base units; zero for an account that never moved. Below zero only for the faucet. */
  balance(account: Account, signal?: StopSignal): Promise<bigint>;
  /** @throws AppError `market/page-out-of-range` for a limit outside 1 to `MAX_HISTORY_PAGE` or an unknown cursor. */
  history(account: Account, page: HistoryPage, signal?: StopSignal): Promise<History>;
}
