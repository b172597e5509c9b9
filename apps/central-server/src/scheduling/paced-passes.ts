/**
 * When the scheduler looks at the queue: at once when it is woken, and by itself at every polling interval.
 *
 * Wakes during a pass are one next pass. What a pass leaves waiting fits nowhere for now, and under load a wake comes with
 * every submission; so after such a pass the next one keeps its distance. After a pass that leaves nothing waiting there
 * is no distance: a job for an idle node is placed as soon as it is there.
 */
import { errorMessage } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import { WAITING_PAUSE_MS } from "./limits.ts";

/** "more": it placed jobs, and more may be waiting than it looked at. "waiting": it left jobs that fit nowhere now. */
export type PassOutcome = "idle" | "waiting" | "more";

export interface PacedPassesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollingIntervalMs: number;
  readonly pass: () => Promise<PassOutcome>;
}

export class PacedPasses {
  readonly #options: PacedPassesOptions;
  #wake = new AbortController();

  constructor(options: PacedPassesOptions) {
    this.#options = options;
  }

  /** Something changed: look as soon as the pace allows. Never waits. */
  readonly wake = (): void => {
    this.#wake.abort();
  };

  /** Runs until the signal aborts; a pass that has begun is finished. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, pollingIntervalMs } = this.#options;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const outcome = await this.#pass();
      if (outcome === "more") continue;
      if (outcome === "waiting") await clock.sleep(WAITING_PAUSE_MS, signal).catch(() => undefined);
      await clock.sleep(pollingIntervalMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    }
  }

  /** A failed pass leaves waiting what it did not get to. */
  async #pass(): Promise<PassOutcome> {
    const { logger, pass } = this.#options;
    try {
      return await pass();
    } catch (error) {
      logger.error("a scheduling pass failed; the next one tries again", { error: errorMessage(error) });
      return "waiting";
    }
  }
}
