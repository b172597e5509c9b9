import type { CalibrationAnswer } from "../central/messages.ts";
import { WAITING_ANSWERS } from "./limits.ts";

/**
 * Answers on their way to the server. They are worth nothing on another stream than the one of their task, so a new
 * stream starts without any; the server asks again.
 */
export class CalibrationAnswers {
  #waiting: CalibrationAnswer[] = [];
  #changed = Promise.withResolvers<void>();

  push(answer: CalibrationAnswer): void {
    if (this.#waiting.length >= WAITING_ANSWERS) return;
    this.#waiting.push(answer);
    this.#changed.resolve();
  }

  /** Resolves when an answer is there. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Everything that waits, oldest first. */
  take(): readonly CalibrationAnswer[] {
    const taken = this.#waiting;
    // Whoever waits for the next answer keeps waiting on the same promise until there is one.
    if (taken.length > 0) this.restart();
    return taken;
  }

  restart(): void {
    this.#waiting = [];
    this.#changed = Promise.withResolvers();
  }
}
