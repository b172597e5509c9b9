/**
 * Sends canaries: at random moments, to a random node, a job of the platform's account that was verified before.
 *
 * Quoted, locked and paid like any other job, from the platform account's own wallet; an operator who wants canaries submits
 * each computation once with the token in `<data folder>/platform-token`. A wallet that cannot pay sends none.
 */
import { errorMessage, type QuoteId } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import { PLATFORM_USER_ID } from "../accounts/platform-account.ts";
import type { Database } from "../database/open-database.ts";
import type { JobService } from "../jobs/job-service.ts";
import type { QuoteService } from "../quotes/quote-service.ts";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import { recentCanaries } from "./canary-answers.ts";
import { MAX_CANARIES } from "./limits.ts";

export interface CanaryLoopOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  /** On average; 0 sends none. */
  readonly canariesPerDay: number;
  readonly quotes: Pick<QuoteService, "create">;
  readonly jobs: Pick<JobService, "submit">;
  readonly readFleet: () => Promise<readonly FleetUnit[]>;
  /** Uniform in [0, 1), from a secure source: nobody may know which job is one. */
  readonly secureRandom: () => number;
}

const DAY_MS = 86_400_000;

export class CanaryLoop {
  readonly #options: CanaryLoopOptions;

  constructor(options: CanaryLoopOptions) {
    this.#options = options;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, canariesPerDay, secureRandom, logger } = this.#options;
    if (canariesPerDay === 0) return;
    while (!signal.aborted) {
      // Waits of this distribution make every moment as likely as any other.
      const waitMs = (-Math.log(1 - secureRandom()) * DAY_MS) / canariesPerDay;
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.send();
      } catch (error) {
        logger.warn("a canary was not sent", { error: errorMessage(error) });
      }
    }
  }

  /** Sends one; false when there is none to send, or no node to send it to. */
  async send(): Promise<boolean> {
    const { quotes, jobs } = this.#options;
    const known = this.#pick(await recentCanaries(this.#options.db, MAX_CANARIES));
    const nodeId = this.#pick([...new Set((await this.#idle()).map((unit) => unit.nodeId))]);
    if (!known || !nodeId) return false;
    const { graph, dataset, settings, seed } = known;
    const { learning_rate, ...rest } = settings;
    const quote = await quotes.create(PLATFORM_USER_ID, {
      graph,
      dataset,
      settings: { ...rest, seed, ...(learning_rate !== null && { learning_rate }) },
      requirements: { device: "any", node_id: nodeId, verification: "required" },
    });
    await jobs.submit({ userId: PLATFORM_USER_ID, quoteId: quote.quote_id as QuoteId, jobId: undefined });
    return true;
  }

  async #idle(): Promise<readonly FleetUnit[]> {
    const fleet = await this.#options.readFleet();
    return fleet.filter((unit) => unit.online && !unit.isPlatform && unit.activeJobs === 0);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#options.secureRandom() * from.length)];
  }
}
