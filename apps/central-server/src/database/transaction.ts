/**
 * A transaction that is tried again when PostgreSQL gives it up for the sake of another one.
 *
 * Only serialization failures and deadlocks are retried: nothing of them happened. `run` must therefore have no effect
 * outside the database; such effects go through the outbox.
 */
import { AppError } from "@cyxwiz/primitives";
import { backoffDelay, type Clock } from "@cyxwiz/platform";
import type { Transaction } from "kysely";
import pg from "pg";
import { CENTRAL_ERRORS } from "../errors.ts";
import { TRANSACTION_ATTEMPTS, TRANSACTION_FIRST_DELAY_MS, TRANSACTION_MAX_DELAY_MS } from "../limits.ts";
import type { Database } from "./open-database.ts";
import type { MarketDatabase } from "./schema.ts";

export type MarketTransaction = Transaction<MarketDatabase>;

export interface TransactionContext {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * Runs `run` in a transaction, or within the caller's when `db` is one already (then the caller retries).
 *
 * @throws AppError `central/transaction-contended` after the last attempt; whatever `run` throws.
 */
export async function inTransaction<T>(
  context: TransactionContext,
  run: (transaction: MarketTransaction) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (context.db.isTransaction) return run(context.db as MarketTransaction);
  const delays = {
    firstDelayMs: TRANSACTION_FIRST_DELAY_MS,
    maxDelayMs: TRANSACTION_MAX_DELAY_MS,
    random: context.random,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      return await context.db.transaction().execute(run);
    } catch (cause) {
      if (!isContention(cause)) throw cause;
      if (attempt >= TRANSACTION_ATTEMPTS) {
        throw new AppError(CENTRAL_ERRORS.TRANSACTION_CONTENDED, { attempts: attempt }, { cause });
      }
      await context.clock.sleep(backoffDelay(attempt, delays), signal);
    }
  }
}

/** serialization_failure and deadlock_detected (PostgreSQL, appendix A). */
function isContention(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === "40001" || error.code === "40P01");
}

/** The name of the unique constraint or index that refused a row, else undefined. */
export function violatedUnique(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code === "23505" ? error.constraint : undefined;
}
