import { systemClock, type Clock } from "@cyxwiz/platform";

/** The computer's clock, which leaps when it is told to. Whoever sleeps past the leap wakes. */
export class LeapingClock implements Clock {
  #leaptMs = 0;
  #leap = new AbortController();

  now(): number {
    return systemClock.now() + this.#leaptMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#leaptMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const until = this.monotonic() + ms;
    do {
      const leapt = this.#leap.signal;
      const left = Math.max(0, until - this.monotonic());
      try {
        return await systemClock.sleep(left, signal ? AbortSignal.any([signal, leapt]) : leapt);
      } catch (error) {
        if (signal?.aborted || !leapt.aborted) throw error;
      }
    } while (this.monotonic() < until);
  }

  leap(ms: number): void {
    this.#leaptMs += ms;
    const before = this.#leap;
    this.#leap = new AbortController();
    before.abort();
  }
}
