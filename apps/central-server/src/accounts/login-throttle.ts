/**
 * Slows down guessing at one account: after some failures each next try has to wait, twice as long every time.
 *
 * By account and not by address, because guesses come from many addresses. In memory: a restart forgives, which is cheaper
 * than a write for every wrong password. Unknown accounts are treated alike, so the wait tells nothing either.
 */
import { AppError } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { CENTRAL_ERRORS } from "../errors.ts";
import { LOGIN_ACCOUNTS_TRACKED, LOGIN_FIRST_WAIT_MS, LOGIN_FREE_FAILURES, LOGIN_MAX_WAIT_MS } from "../limits.ts";

interface Failures {
  readonly count: number;
  readonly blockedUntil: number;
}

export class LoginThrottle {
  readonly #clock: Clock;
  /** In the order of the last failure, because a Map keeps insertion order and each failure inserts anew. */
  readonly #accounts = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws AppError `central/login-rate-exceeded` while the account has to wait. */
  check(account: string): void {
    const waitMs = (this.#accounts.get(account)?.blockedUntil ?? 0) - this.#clock.monotonic();
    if (waitMs <= 0) return;
    throw new AppError(CENTRAL_ERRORS.LOGIN_RATE_EXCEEDED, { retryAfterSeconds: Math.ceil(waitMs / 1_000) });
  }

  failed(account: string): void {
    const count = (this.#accounts.get(account)?.count ?? 0) + 1;
    const doublings = Math.min(count - LOGIN_FREE_FAILURES, 20);
    const waitMs = doublings < 0 ? 0 : Math.min(LOGIN_MAX_WAIT_MS, LOGIN_FIRST_WAIT_MS * 2 ** doublings);
    this.#accounts.delete(account);
    this.#accounts.set(account, { count, blockedUntil: this.#clock.monotonic() + waitMs });
    const [oldest] = this.#accounts.keys();
    if (this.#accounts.size > LOGIN_ACCOUNTS_TRACKED && oldest !== undefined) this.#accounts.delete(oldest);
  }

  succeeded(account: string): void {
    this.#accounts.delete(account);
  }
}
