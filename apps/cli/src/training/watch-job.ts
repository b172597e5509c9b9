import { isError, type AppError } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { REST_CLIENT_ERRORS, type Job } from "@cyxwiz/protocol/rest";
import type { MarketClient } from "../client/market-client.ts";
import { WATCH_ATTEMPTS, WATCH_INTERVAL_MS } from "../limits.ts";

const ENDED: ReadonlySet<Job["state"]> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** A job is over for its user when it has ended and its money has moved. */
export function isOver(job: Job): boolean {
  return ENDED.has(job.state) && job.payment.escrow_state === "SETTLED";
}

export interface WatchOptions {
  readonly client: MarketClient;
  readonly jobId: string;
  readonly clock: Clock;
  readonly onUpdate: (job: Job) => void;
  readonly onOffline?: (error: AppError) => void;
  readonly signal?: AbortSignal;
}

/** Follows a job to its end, through restarts of the server. @throws AppError `protocol/unreachable` after many tries. */
export async function watchJob(options: WatchOptions): Promise<Job> {
  let failures = 0;
  for (;;) {
    try {
      const job = await options.client.job(options.jobId, options.signal);
      failures = 0;
      options.onUpdate(job);
      if (isOver(job)) return job;
    } catch (error) {
      if (!isError(error, REST_CLIENT_ERRORS.UNREACHABLE) || ++failures > WATCH_ATTEMPTS) throw error;
      options.onOffline?.(error);
    }
    await options.clock.sleep(WATCH_INTERVAL_MS, options.signal);
  }
}
