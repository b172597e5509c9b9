/**
 * A first-in, first-out queue between a producer that must not wait and a consumer that does.
 *
 * `push` says no when the queue is full: the producer then drops, merges or closes, but never grows without bound.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  #waiting: PromiseWithResolvers<void> | undefined;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** False when the queue is full or closed; the item was then not taken. */
  push(item: T): boolean {
    if (this.#closed || this.#items.length >= this.#capacity) return false;
    this.#items.push(item);
    this.#wake();
    return true;
  }

  /** No more items; the consumer still receives what is queued. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Ends the consumer with an error once it has what is queued. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.close();
  }

  /** One consumer at a time. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        yield item;
      } else if (this.#failure) {
        throw this.#failure.error;
      } else if (this.#closed) {
        return;
      } else {
        this.#waiting ??= Promise.withResolvers<void>();
        await this.#waiting.promise;
      }
    }
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
