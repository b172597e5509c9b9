/**
 * Tells who watches a job that something about it changed. It carries no data: a watcher reads what is true when it
 * gets to it, so any number of changes in between are one.
 */
import type { JobId } from "@cyxwiz/primitives";

type Wake = () => void;

export class JobSignals {
  readonly #watchers = new Map<JobId, Set<Wake>>();

  changed(jobId: JobId): void {
    for (const wake of this.#watchers.get(jobId) ?? []) wake();
  }

  /** Yields at once, and again after changes, until the signal aborts. */
  async *watch(jobId: JobId, signal: AbortSignal): AsyncGenerator<void, void, void> {
    let pending = Promise.withResolvers<void>();
    const wake = (): void => pending.resolve();
    const watchers = this.#watchers.get(jobId) ?? new Set<Wake>();
    this.#watchers.set(jobId, watchers.add(wake));
    signal.addEventListener("abort", wake, { once: true });
    try {
      while (!signal.aborted) {
        yield;
        await pending.promise;
        pending = Promise.withResolvers<void>();
      }
    } finally {
      signal.removeEventListener("abort", wake);
      watchers.delete(wake);
      if (watchers.size === 0) this.#watchers.delete(jobId);
    }
  }
}
