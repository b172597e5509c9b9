/** Time as an argument. Everything that waits or stamps takes a `Clock`, so that a test or a simulation owns time. */
export interface Clock {
  /** Unix time in milliseconds. May jump; never used to measure a duration. */
  now(): number;
  /** Milliseconds that only ever grow, from an arbitrary origin. For durations. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds. @throws the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
