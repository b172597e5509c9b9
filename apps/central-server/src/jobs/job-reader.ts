/** Jobs as REST shows them: rows, live progress, and why one waits. */
import type { JobId, UserId } from "@cyxwiz/primitives";
import type { Job } from "@cyxwiz/protocol/rest";
import type { Database } from "../database/open-database.ts";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import { explainWaiting } from "../scheduling/waiting.ts";
import { findJob, historyOf, listJobs, type JobPage, type JobRecord } from "./job-query.ts";
import { presentJob, presentSummary, type JobNow, type JobSummary } from "./job-view.ts";
import type { LiveProgress } from "./live-progress.ts";

export interface JobReaderOptions {
  readonly db: Database;
  readonly progress: LiveProgress;
  readonly readFleet: () => Promise<readonly FleetUnit[]>;
}

export class JobReader {
  readonly #options: JobReaderOptions;

  constructor(options: JobReaderOptions) {
    this.#options = options;
  }

  /** @throws AppError `central/job-not-found`. */
  async one(jobId: JobId, userId: UserId): Promise<Job> {
    const { db } = this.#options;
    const record = await findJob(db, jobId, userId);
    const now = await this.#now([record]);
    return presentJob(record, await historyOf(db, jobId), now(record));
  }

  async page(
    userId: UserId,
    page: JobPage,
  ): Promise<readonly { readonly record: JobRecord; readonly shown: JobSummary }[]> {
    const records = await listJobs(this.#options.db, userId, page);
    const now = await this.#now(records);
    return records.map((record) => ({ record, shown: presentSummary(record, now(record)) }));
  }

  async #now(records: readonly JobRecord[]): Promise<(record: JobRecord) => JobNow> {
    const { db, progress, readFleet } = this.#options;
    const waiting = records.filter(({ job }) => job.state === "ESCROWED").map(({ job }) => job.id as JobId);
    const reasons = await explainWaiting(db, readFleet, waiting);
    return ({ job }) => ({
      live: progress.latest(job.id as JobId),
      waitingBecause: reasons.get(job.id as JobId) ?? null,
    });
  }
}
