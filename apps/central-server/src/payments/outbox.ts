/**
 * Effects outside the transaction that decided them, done at least once after its commit.
 *
 * A row is written with the decision; the worker claims due rows (SKIP LOCKED, so several may run), runs the handler of
 * their kind and marks them done. A claim pushes the row's next attempt into the future first, so a handler that dies with
 * its process is tried again. Handlers are idempotent by the row's key. A poke wakes the worker; else it looks at intervals.
 */
import { AppError, defined, errorMessage } from "@cyxwiz/primitives";
import { backoffDelay, type Clock, type Logger } from "@cyxwiz/platform";
import type { Database } from "../database/open-database.ts";
import { CENTRAL_ERRORS } from "../errors.ts";
import {
  OUTBOX_BATCH_ROWS,
  OUTBOX_CLAIM_MS,
  OUTBOX_FIRST_DELAY_MS,
  OUTBOX_MAX_DELAY_MS,
  OUTBOX_POLL_MS,
} from "../limits.ts";

/** Does the effect of one row. Throwing leaves the row for a later attempt. */
export type OutboxHandler = (payload: unknown, signal: AbortSignal) => Promise<void>;

export interface OutboxOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly handlers: Readonly<Record<string, OutboxHandler>>;
}

interface Row {
  readonly id: bigint;
  readonly key: string;
  readonly kind: string;
  readonly payload: unknown;
  readonly attempts: number;
}

export class Outbox {
  readonly #options: OutboxOptions;
  #wake = new AbortController();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /**
   * Writes a row in the caller's transaction. The same key again is the same effect and writes nothing.
   *
   * Call `poke` after the commit: before it the row cannot be seen.
   */
  async add(transaction: Database, row: { kind: string; key: string; payload: object }): Promise<void> {
    const now = new Date(this.#options.clock.now());
    await transaction
      .insertInto("outbox")
      .values({
        ...row,
        payload: JSON.stringify(row.payload),
        next_attempt_at: now,
        created_at: now,
        last_error: null,
        done_at: null,
      })
      .onConflict((conflict) => conflict.column("key").doNothing())
      .execute();
  }

  /** Rows are due: look now. */
  poke(): void {
    this.#wake.abort();
  }

  /** Works until the signal aborts; what is in progress then is finished. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      let done = 0;
      try {
        done = await this.drain(signal);
      } catch (error) {
        logger.error("outbox cannot read its rows", { error: errorMessage(error) });
      }
      if (done < OUTBOX_BATCH_ROWS) {
        await clock.sleep(OUTBOX_POLL_MS, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
      }
    }
  }

  /** Does one batch of due rows, one after the other. Returns how many were due. */
  async drain(signal: AbortSignal): Promise<number> {
    const rows = await this.#claim();
    let handled = 0;
    for (; handled < rows.length && !signal.aborted; handled++)
      await this.#handle(defined(rows[handled], "row"), signal);
    if (handled < rows.length) await this.#giveBack(rows.slice(handled));
    return rows.length;
  }

  /** What this worker claimed and does not get to is due again at once, for the next server. */
  async #giveBack(rows: readonly Row[]): Promise<void> {
    const { db, clock } = this.#options;
    await db
      .updateTable("outbox")
      .set((eb) => ({ attempts: eb("attempts", "-", 1), next_attempt_at: new Date(clock.now()) }))
      .where(
        "id",
        "in",
        rows.map((row) => row.id),
      )
      .execute();
  }

  async #claim(): Promise<Row[]> {
    const { db, clock } = this.#options;
    const now = new Date(clock.now());
    return db
      .updateTable("outbox")
      .set((eb) => ({ attempts: eb("attempts", "+", 1), next_attempt_at: new Date(now.getTime() + OUTBOX_CLAIM_MS) }))
      .where("id", "in", (eb) =>
        eb
          .selectFrom("outbox")
          .select("id")
          .where("done_at", "is", null)
          .where("next_attempt_at", "<=", now)
          .orderBy("next_attempt_at")
          .orderBy("id")
          .limit(OUTBOX_BATCH_ROWS)
          .forUpdate()
          .skipLocked(),
      )
      .returning(["id", "key", "kind", "payload", "attempts"])
      .execute();
  }

  async #handle(row: Row, signal: AbortSignal): Promise<void> {
    const { db, clock, logger, handlers } = this.#options;
    try {
      const handler = handlers[row.kind];
      if (handler === undefined) {
        throw new AppError(CENTRAL_ERRORS.OUTBOX_KIND_NOT_FOUND, { kind: row.kind, known: Object.keys(handlers) });
      }
      await handler(row.payload, signal);
      await db
        .updateTable("outbox")
        .set({ done_at: new Date(clock.now()), last_error: null })
        .where("id", "=", row.id)
        .execute();
    } catch (error) {
      const delays = {
        firstDelayMs: OUTBOX_FIRST_DELAY_MS,
        maxDelayMs: OUTBOX_MAX_DELAY_MS,
        random: this.#options.random,
      };
      const next = new Date(clock.now() + backoffDelay(row.attempts, delays));
      logger.warn("outbox effect failed", { key: row.key, attempts: row.attempts, error: errorMessage(error) });
      await db
        .updateTable("outbox")
        .set({ next_attempt_at: next, last_error: errorMessage(error).slice(0, 1_000) })
        .where("id", "=", row.id)
        .execute();
    }
  }
}
