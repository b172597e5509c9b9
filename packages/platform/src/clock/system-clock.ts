import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "./clock.ts";

/** The computer's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}),
};
