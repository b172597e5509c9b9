import { isAppError } from "@cyxwiz/primitives";
import type { Clock } from "../clock/clock.ts";

export interface RetryOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1): spreads clients that failed together. */
  readonly random: () => number;
  readonly signal?: AbortSignal;
  /** Attempts in all, the first included. Infinity only for a loop that its signal ends. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/** The wait before the next attempt: doubling, capped, with half of it random. `attempt` counts from 1. */
export function backoffDelay(
  attempt: number,
  options: Pick<RetryOptions, "firstDelayMs" | "maxDelayMs" | "random">,
): number {
  const full = Math.min(options.maxDelayMs, options.firstDelayMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (full / 2) * options.random();
}

/** Runs `task` until it succeeds, it fails for good (an AppError whose retry class is "never"), or attempts run out. */
export async function retry<T>(task: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await task(attempt);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (attempt >= options.attempts || (isAppError(error) && error.retry === "never")) throw error;
      const delayMs = backoffDelay(attempt, options);
      options.onRetry?.(error, attempt, delayMs);
      await options.clock.sleep(delayMs, options.signal);
    }
  }
}
