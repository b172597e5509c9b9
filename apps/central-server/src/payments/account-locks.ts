import type { Account } from "@cyxwiz/market";
import { sql } from "kysely";
import type { MarketTransaction } from "../database/transaction.ts";

/**
 * Keeps other commands away from these accounts until the transaction ends.
 *
 * Sorted, so that two commands over the same accounts cannot wait for each other.
 */
export async function lockAccounts(transaction: MarketTransaction, accounts: readonly Account[]): Promise<void> {
  await sql`
    select pg_advisory_xact_lock(hashtextextended(account, 0)) from unnest(${accounts.toSorted()}::text[]) as account
  `.execute(transaction);
}
