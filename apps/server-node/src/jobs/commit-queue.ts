import { WAITING_UPLOADS } from "../limits.ts";

/**
 * What a training commits, one after the other in the order in which it happened, while the training goes on. A
 * checkpoint takes as long as its upload; what comes after it waits. The first failure ends the queue.
 */
export class CommitQueue {
  readonly #onFailure: () => void;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #failure: { readonly error: unknown } | undefined;

  /** `onFailure` is called once, when a commit fails: there is no point in going on. */
  constructor(onFailure: () => void) {
    this.#onFailure = onFailure;
  }

  /** Queues a commit. Returns at once, unless `WAITING_UPLOADS` wait: then when all of them are done. */
  async add(commit: () => Promise<void>): Promise<void> {
    this.#waiting++;
    this.#last = this.#after(this.#last, commit);
    if (this.#waiting >= WAITING_UPLOADS) await this.#last;
  }

  /** Waits for all. @throws what the first failed commit threw. */
  async settled(): Promise<void> {
    await this.#last;
    if (this.#failure) throw this.#failure.error;
  }

  /** Never rejects. */
  async #after(earlier: Promise<void>, commit: () => Promise<void>): Promise<void> {
    await earlier;
    try {
      if (!this.#failure) await commit();
    } catch (error) {
      this.#failure = { error };
      this.#onFailure();
    } finally {
      this.#waiting--;
    }
  }
}
