import type { QuoteId, UserId } from "@cyxwiz/primitives";

/** An escrow carries the id of the quote that it locks. */
export type EscrowId = QuoteId;

/**
 * Who holds money in the books.
 *
 * `faucet` is where test tokens come from: the only account that may be below zero, by what it has given away.
 */
export type Account = `user:${string}` | `escrow:${string}` | "platform" | "faucet";

export const PLATFORM_ACCOUNT = "platform";
export const FAUCET_ACCOUNT = "faucet";

export function userAccount(user: UserId): Account {
  return `user:${user}`;
}

export function escrowAccount(escrow: EscrowId): Account {
  return `escrow:${escrow}`;
}

/** Whether an account may go below zero. Only the source of tokens may. */
export function mayGoNegative(account: Account): boolean {
  return account === FAUCET_ACCOUNT;
}
