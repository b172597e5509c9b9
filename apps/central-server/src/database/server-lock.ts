/**
 * One Central Server per database: a session lock in PostgreSQL, held on a connection of its own.
 *
 * It goes with the connection, so a killed server never blocks the next. When the connection is lost it is taken again;
 * if another server was faster, this one is told and must stop, because two schedulers would give one unit twice.
 */
import { AppError, errorMessage, isError } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import pg from "pg";
import { CENTRAL_ERRORS } from "../errors.ts";
import { DATABASE_CONNECT_TIMEOUT_MS, SERVER_LOCK_ATTEMPTS, SERVER_LOCK_RETRY_MS } from "../limits.ts";

export interface ServerLockOptions {
  readonly connectionString: string;
  /** The database without its password, for messages. */
  readonly where: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once when another server has taken over, or the lock cannot be had again. */
  readonly onLost: () => void;
}

/** "cyxwizCS" in ASCII: any 64-bit number that nobody else takes. */
const SERVER_LOCK = 0x6379_7877_697a_4353n;

/** @throws AppError `central/already-running` when another server holds it. */
export async function acquireServerLock(options: ServerLockOptions): Promise<AsyncDisposable> {
  const lock = new ServerLock(options);
  await lock.take();
  return lock;
}

class ServerLock implements AsyncDisposable {
  readonly #options: ServerLockOptions;
  #client: pg.Client | undefined;
  #isReleased = false;

  constructor(options: ServerLockOptions) {
    this.#options = options;
  }

  async take(): Promise<void> {
    const { clock, where } = this.#options;
    for (let attempt = 1; attempt <= SERVER_LOCK_ATTEMPTS; attempt++) {
      if (await this.#try()) return;
      await clock.sleep(SERVER_LOCK_RETRY_MS);
    }
    throw new AppError(CENTRAL_ERRORS.ALREADY_RUNNING, { where });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isReleased = true;
    await this.#client?.end();
  }

  async #try(): Promise<boolean> {
    const client = new pg.Client({
      connectionString: this.#options.connectionString,
      connectionTimeoutMillis: DATABASE_CONNECT_TIMEOUT_MS,
      application_name: "cyxwiz-central-server lock",
      keepAlive: true,
    });
    // A client without a listener throws its connection's errors at the process.
    client.on("error", () => undefined);
    await client.connect();
    const answer = await client.query<{ taken: boolean }>(`select pg_try_advisory_lock(${SERVER_LOCK}) as taken`);
    if (answer.rows[0]?.taken !== true) {
      await client.end();
      return false;
    }
    this.#client = client;
    client.once("end", () => void this.#retake());
    return true;
  }

  async #retake(): Promise<void> {
    if (this.#isReleased) return;
    const { clock, logger, onLost } = this.#options;
    logger.warn("the server lock's connection was lost; taking it again");
    let lastError: unknown;
    for (let attempt = 1; attempt <= SERVER_LOCK_ATTEMPTS && !this.#isReleased; attempt++) {
      try {
        return await this.take();
      } catch (error) {
        lastError = error;
        if (isError(error, CENTRAL_ERRORS.ALREADY_RUNNING)) break;
        // The database is away: it may come back.
        await clock.sleep(SERVER_LOCK_RETRY_MS * attempt);
      }
    }
    if (this.#isReleased) return;
    logger.error("the server lock is lost", { error: errorMessage(lastError) });
    onLost();
  }
}
