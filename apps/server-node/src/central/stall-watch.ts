/**
 * Limits in time for calls that an abort signal ends: a deadline for a short call, a stall watch for a long transfer, which
 * may take hours as long as bytes move.
 */
import { AppError } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { NODE_ERRORS } from "../errors.ts";

/** Aborts its signal when nothing was touched for a whole period. Dispose it when the transfer is over. */
export class StallWatch implements Disposable {
  readonly signal: AbortSignal;
  readonly #ended = new AbortController();
  #touches = 0;

  constructor(options: { clock: Clock; where: string; periodMs: number; signal: AbortSignal }) {
    const stalled = new AbortController();
    this.signal = AbortSignal.any([options.signal, stalled.signal]);
    void this.#watch(options, stalled);
  }

  /** A byte moved. */
  touch(): void {
    this.#touches++;
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  async #watch(options: { clock: Clock; where: string; periodMs: number }, stalled: AbortController): Promise<void> {
    const { clock, where, periodMs } = options;
    const problem = `nothing moved for ${periodMs / 1_000} s`;
    for (;;) {
      const seen = this.#touches;
      await clock.sleep(periodMs, this.#ended.signal).catch(() => undefined);
      if (this.#ended.signal.aborted) return;
      if (seen === this.#touches)
        return stalled.abort(new AppError(NODE_ERRORS.CENTRAL_UNREACHABLE, { where, problem }));
    }
  }
}
