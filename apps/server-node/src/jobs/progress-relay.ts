import type { TrainingEvent } from "@cyxwiz/backend";
import type { Progress } from "../central/messages.ts";
import { PROGRESS_EVERY_MS } from "../limits.ts";

/**
 * Training events → progress for the server: at most a few a second, the newest figures of training and of the last test
 * in one message. The end of an epoch is always worth a message.
 */
export class ProgressRelay {
  readonly #totalSteps: number;
  readonly #startMs: number;
  #lastMs = -Infinity;
  #latest: Extract<TrainingEvent, { kind: "progress" }> | undefined;
  #test: { readonly testLoss: number; readonly testAccuracy?: number } | undefined;

  constructor(totalSteps: number, nowMs: number) {
    this.#totalSteps = totalSteps;
    this.#startMs = nowMs;
  }

  /** The message to send now, if any. `nowMs` is monotonic. */
  take(event: Extract<TrainingEvent, { kind: "progress" | "epoch" }>, nowMs: number): Progress | undefined {
    if (event.kind === "progress") {
      this.#latest = event;
      if (nowMs - this.#lastMs < PROGRESS_EVERY_MS) return undefined;
    } else {
      const { testLoss, testAccuracy } = event;
      this.#test = { testLoss, ...(testAccuracy === undefined ? {} : { testAccuracy }) };
    }
    if (!this.#latest) return undefined;
    this.#lastMs = nowMs;
    const { kind: _, ...figures } = this.#latest;
    const step = Math.max(figures.step, event.step);
    const elapsedSeconds = (nowMs - this.#startMs) / 1_000;
    return { ...figures, ...this.#test, step, totalSteps: this.#totalSteps, elapsedSeconds };
  }
}
