/**
 * Double entry: every movement of money is a transaction whose postings sum to zero.
 *
 * Transactions are only ever appended. A balance is the sum of an account's postings and is never stored as a fact of
 * its own; a mistake is corrected by another transaction.
 */
import { addAmounts, AppError, formatAmount, formatUnits, type Amount, type UserId } from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";
import {
  escrowAccount,
  FAUCET_ACCOUNT,
  mayGoNegative,
  PLATFORM_ACCOUNT,
  userAccount,
  type Account,
  type EscrowId,
} from "./account.ts";

export const TRANSACTION_KINDS = ["faucet", "lock", "settle", "reward"] as const;
export type TransactionKind = (typeof TRANSACTION_KINDS)[number];

/** One side of a movement, in base units: above zero the account receives, below zero it gives. */
export interface Posting {
  readonly account: Account;
  readonly amount: bigint;
}

/** `key` is the idempotency key of the command that it carries out: one command, one transaction. */
export interface LedgerTransaction {
  readonly key: string;
  readonly kind: TransactionKind;
  readonly postings: readonly Posting[];
}

/** What a settlement pays, by account. */
export interface EscrowDivision {
  readonly owners: readonly { readonly owner: UserId; readonly amount: Amount }[];
  readonly platform: Amount;
  readonly refund: { readonly to: UserId; readonly amount: Amount };
}

/** Test tokens for a user. @throws AppError `market/amount-not-positive`. */
export function faucetTransaction(key: string, to: UserId, amount: Amount): LedgerTransaction {
  return move({ key, kind: "faucet", from: FAUCET_ACCOUNT, to: userAccount(to), amount });
}

/** The payer's money into the escrow. @throws AppError `market/amount-not-positive`. */
export function lockTransaction(key: string, escrow: EscrowId, payer: UserId, amount: Amount): LedgerTransaction {
  return move({ key, kind: "lock", from: userAccount(payer), to: escrowAccount(escrow), amount });
}

/** A part of the platform's earnings to a user. @throws AppError `market/amount-not-positive`. */
export function rewardTransaction(key: string, to: UserId, amount: Amount): LedgerTransaction {
  return move({ key, kind: "reward", from: PLATFORM_ACCOUNT, to: userAccount(to), amount });
}

/**
 * The whole of an escrow to owners, platform and payer, in one transaction.
 *
 * Shares of one account become one posting; a share of zero makes none.
 * @throws AppError `market/settlement-mismatch` when the shares do not add up to what is locked.
 */
export function settleTransaction(
  key: string,
  escrow: EscrowId,
  locked: Amount,
  division: EscrowDivision,
): LedgerTransaction {
  const settled = addAmounts(
    ...division.owners.map((share) => share.amount),
    division.platform,
    division.refund.amount,
  );
  if (settled !== locked) {
    throw new AppError(MARKET_ERRORS.SETTLEMENT_MISMATCH, {
      escrowId: escrow,
      locked: formatAmount(locked),
      settled: formatAmount(settled),
    });
  }
  const shares = new Map<Account, bigint>();
  const add = (account: Account, amount: bigint): void => {
    if (amount !== 0n) shares.set(account, (shares.get(account) ?? 0n) + amount);
  };
  for (const { owner, amount } of division.owners) add(userAccount(owner), amount);
  add(PLATFORM_ACCOUNT, division.platform);
  add(userAccount(division.refund.to), division.refund.amount);
  const received = [...shares].map(([account, amount]): Posting => ({ account, amount }));
  return checked({ key, kind: "settle", postings: [{ account: escrowAccount(escrow), amount: -locked }, ...received] });
}

/**
 * Checks the form of a transaction, whoever built it.
 *
 * @throws AppError `market/transaction-empty` when it has no posting or a posting of zero,
 * `market/transaction-unbalanced` when its postings do not sum to zero.
 */
export function checkTransaction(transaction: LedgerTransaction): void {
  const { key, postings } = transaction;
  if (postings.length === 0 || postings.some((posting) => posting.amount === 0n)) {
    throw new AppError(MARKET_ERRORS.TRANSACTION_EMPTY, { key });
  }
  const sum = postings.reduce((total, posting) => total + posting.amount, 0n);
  if (sum !== 0n) throw new AppError(MARKET_ERRORS.TRANSACTION_UNBALANCED, { key, sum: formatUnits(sum) });
}

/**
 * Checks that nobody but the faucet would go below zero.
 *
 * @param balanceOf base units before the transaction, zero for an account that never moved.
 * @throws AppError `market/insufficient-funds` with what the account has and what it needs.
 */
export function checkFunds(transaction: LedgerTransaction, balanceOf: (account: Account) => bigint): void {
  for (const [account, change] of changes(transaction)) {
    const have = balanceOf(account);
    if (change >= 0n || have + change >= 0n || mayGoNegative(account)) continue;
    throw new AppError(MARKET_ERRORS.INSUFFICIENT_FUNDS, {
      account,
      have: formatUnits(have),
      need: formatUnits(-change),
    });
  }
}

/** What a transaction changes, one sum per account. */
export function changes(transaction: LedgerTransaction): ReadonlyMap<Account, bigint> {
  const sums = new Map<Account, bigint>();
  for (const { account, amount } of transaction.postings) sums.set(account, (sums.get(account) ?? 0n) + amount);
  return sums;
}

interface Move {
  readonly key: string;
  readonly kind: TransactionKind;
  readonly from: Account;
  readonly to: Account;
  readonly amount: Amount;
}

function move({ key, kind, from, to, amount }: Move): LedgerTransaction {
  if (amount === 0n) throw new AppError(MARKET_ERRORS.AMOUNT_NOT_POSITIVE, { what: kind, account: to });
  return checked({
    key,
    kind,
    postings: [
      { account: from, amount: -amount },
      { account: to, amount },
    ],
  });
}

function checked(transaction: LedgerTransaction): LedgerTransaction {
  checkTransaction(transaction);
  return transaction;
}
