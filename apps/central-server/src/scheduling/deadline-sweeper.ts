/**
 * Gives the money back for jobs that found no node in time, so that nobody's tokens stay locked for a job that waits
 * for ever. A job that a node holds is watched by its lease instead.
 *
 * Deadline: the quote's p99 time for every attempt that the job may have, and a window beside it.
 */
import type { JobId } from "@cyxwiz/primitives";
import type { Logger } from "@cyxwiz/platform";
import { sql } from "kysely";
import { inTransaction, type TransactionContext } from "../database/transaction.ts";
import type { JobSignals } from "../jobs/job-signals.ts";
import { lockJob } from "../jobs/job-state.ts";
import { MAX_RETRIES } from "../jobs/limits.ts";
import type { JobEndings } from "../jobs/settlement-service.ts";
import type { JobFailure } from "../verification/job-ending.ts";
import { DEADLINE_SWEEP_MS, DEADLINE_WINDOW_MS, DEADLINES_PER_SWEEP } from "./limits.ts";
import { periodically } from "./periodic.ts";

export interface DeadlineSweeperOptions extends TransactionContext {
  readonly logger: Logger;
  readonly endings: JobEndings;
  readonly signals: JobSignals;
}

const NO_NODE_IN_TIME: JobFailure = {
  blame: "server",
  code: "central/deadline-exceeded",
  message: "no node took the job in time; everything is refunded",
};

export class DeadlineSweeper {
  readonly #options: DeadlineSweeperOptions;

  constructor(options: DeadlineSweeperOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const loop = { name: "deadline-sweep", everyMs: DEADLINE_SWEEP_MS, clock, logger, signal };
    await periodically(loop, () => this.sweep());
  }

  async sweep(): Promise<void> {
    const { endings, signals, logger } = this.#options;
    for (const jobId of await this.#overdue()) {
      const hasFailed = await inTransaction(this.#options, async (transaction) => {
        const job = await lockJob(transaction, jobId);
        if (job?.state !== "ESCROWED") return false;
        await endings.end(transaction, job, { kind: "failed", failure: NO_NODE_IN_TIME });
        return true;
      });
      if (!hasFailed) continue;
      endings.committed();
      signals.changed(jobId);
      logger.warn("a job found no node in time and was refunded", { jobId });
    }
  }

  async #overdue(): Promise<readonly JobId[]> {
    const { db, clock } = this.#options;
    const attempts = MAX_RETRIES + 1;
    const begunBefore = new Date(clock.now() - DEADLINE_WINDOW_MS);
    const rows = await db
      .selectFrom("jobs")
      .innerJoin("quotes", "quotes.id", "jobs.quote_id")
      .select("jobs.id")
      .where("jobs.state", "=", "ESCROWED")
      .where(
        sql<boolean>`jobs.created_at + ${attempts} * make_interval(secs => (quotes.offer #>> '{band,p99}')::float8) < ${begunBefore}`,
      )
      .orderBy("jobs.created_at")
      .limit(DEADLINES_PER_SWEEP)
      .execute();
    return rows.map((row) => row.id as JobId);
  }
}
