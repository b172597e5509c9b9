/** Test tokens for users, up to a cap a day. Only where the operator opened it, and only on a rail without real money. */
import { AppError, formatAmount, formatUnits, type Amount, type UserId } from "@cyxwiz/primitives";
import { userAccount } from "@cyxwiz/market";
import { sql } from "kysely";
import { inTransaction, type TransactionContext } from "../database/transaction.ts";
import { CENTRAL_ERRORS } from "../errors.ts";
import { FAUCET_PER_DAY } from "../limits.ts";
import type { LedgerRail } from "./ledger-rail.ts";

const DAY_MS = 86_400_000;

export interface FaucetOptions extends TransactionContext {
  readonly rail: LedgerRail;
  readonly isOpen: boolean;
}

/**
 * Gives test tokens once for each key of the user.
 *
 * @throws AppError `central/faucet-closed`; `central/faucet-limit-exceeded` with what is left of the day (UTC);
 *   `market/amount-not-positive`; `market/idempotency-mismatch`.
 */
export async function giveTestTokens(
  options: FaucetOptions,
  gift: { readonly to: UserId; readonly amount: Amount; readonly key: string },
): Promise<void> {
  if (!options.isOpen) throw new AppError(CENTRAL_ERRORS.FAUCET_CLOSED, {});
  await inTransaction(options, async (transaction) => {
    // The rail takes this lock too: what was given today cannot change between the check and the gift.
    await sql`select pg_advisory_xact_lock(hashtextextended(${userAccount(gift.to)}, 0))`.execute(transaction);
    const idempotencyKey = `faucet:${gift.to}:${gift.key}`;
    const now = options.clock.now();
    const since = new Date(now - (now % DAY_MS));
    const { rows } = await sql<{ given: bigint }>`
      select coalesce(sum(p.amount), 0)::bigint as given
      from postings p join ledger_transactions t on t.id = p.transaction_id
      where p.account = ${userAccount(gift.to)} and t.kind = 'faucet' and t.at >= ${since} and t.key <> ${idempotencyKey}
    `.execute(transaction);
    const left = FAUCET_PER_DAY - (rows[0]?.given ?? 0n);
    if (gift.amount > left) {
      throw new AppError(CENTRAL_ERRORS.FAUCET_LIMIT_EXCEEDED, {
        asked: formatAmount(gift.amount),
        left: formatUnits(left < 0n ? 0n : left),
        limit: formatAmount(FAUCET_PER_DAY),
      });
    }
    await options.rail.within(transaction).faucet({ to: gift.to, amount: gift.amount, idempotencyKey });
  });
}
