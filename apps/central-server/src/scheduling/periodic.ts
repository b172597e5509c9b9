import type { Clock, Logger } from "@cyxwiz/platform";
import { errorMessage } from "@cyxwiz/primitives";

export interface PeriodicOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Runs a task again and again until the signal aborts, waiting between runs and never overlapping them.
 *
 * A run that fails is logged and the next one comes all the same: what it would have done is still to do then.
 */
export async function periodically(options: PeriodicOptions, task: () => Promise<void>): Promise<void> {
  const { name, everyMs, clock, logger, signal } = options;
  while (!signal.aborted) {
    try {
      await clock.sleep(everyMs, signal);
      await task();
    } catch (error) {
      if (signal.aborted) return;
      logger.error("a periodic task failed and will run again", { task: name, error: errorMessage(error) });
    }
  }
}
