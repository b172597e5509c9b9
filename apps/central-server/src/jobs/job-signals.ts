/**
 * Tells who watches a job that something about it changed. It carries no data: a watcher reads what is true when it
 * gets to it, so any number of changes in between are one.
 *
 * Whoever writes a job, its history or its attempt calls `changed` after the commit and before it answers.
 */
import type { JobId } from "@cyxwiz/primitives";

type Wake = () => void;

export class JobSignals {
  readonly #watchers = new Map<JobId, Set<Wake>>();
  readonly #listeners: ((jobId: JobId) => void)[] = [];

  /** Calls the listener at every change of any job from now on, before those who watch it are woken. */
  onChange(listener: (jobId: JobId) => void): void {
    this.#listeners.push(listener);
  }

  changed(jobId: JobId): void {
    for (const listener of this.#listeners) listener(jobId);
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
