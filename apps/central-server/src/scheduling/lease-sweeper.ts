/**
 * Ends what nobody speaks for any more: attempts whose lease ran out, attempts without a checkpoint for too long, and
 * cancelled jobs whose node does not hand over the model in time.
 */
import { errorMessage } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
import { sql } from "kysely";
import type { AttemptEnd } from "../assignments/attempt-end.ts";
import { LEASE_SWEEP_MS } from "../assignments/limits.ts";
import type { LiveAssignment, LiveAssignments } from "../assignments/live-assignments.ts";
import type { Database } from "../database/open-database.ts";
import { CANCEL_REQUESTED } from "../jobs/job-service.ts";
import { CANCEL_GRACE_MS } from "../jobs/limits.ts";
import { CANCELS_PER_SWEEP, LEASES_PER_SWEEP } from "./limits.ts";
import { periodically } from "./periodic.ts";

export interface LeaseSweeperOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly live: LiveAssignments;
  readonly attempts: AttemptEnd;
  /** How long an attempt may go without a checkpoint. */
  readonly timeoutSeconds: number;
}

export class LeaseSweeper {
  readonly #options: LeaseSweeperOptions;

  constructor(options: LeaseSweeperOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    await periodically({ name: "lease-sweep", everyMs: LEASE_SWEEP_MS, clock, logger, signal }, () => this.sweep());
  }

  async sweep(): Promise<void> {
    const { attempts, logger } = this.#options;
    for (const live of await this.#expired()) {
      await this.#attempt(live, () => attempts.leaseExpired(live));
      logger.warn("a lease expired", { jobId: live.jobId, nodeId: live.nodeId });
    }
    for (const live of await this.#timedOut()) {
      await this.#attempt(live, () => attempts.timedOut(live));
      logger.warn("an attempt timed out", { jobId: live.jobId, nodeId: live.nodeId });
    }
    for (const live of await this.#overdueCancels()) {
      await this.#attempt(live, () => attempts.cancelled(live, { onnx: undefined, weights: undefined }));
    }
  }

  async #expired(): Promise<readonly LiveAssignment[]> {
    const { db, clock, live } = this.#options;
    const rows = await db
      .selectFrom("assignments")
      .select("id")
      .where("ended_at", "is", null)
      .where("lease_expires_at", "<=", new Date(clock.now()))
      .orderBy("lease_expires_at")
      .limit(LEASES_PER_SWEEP)
      .execute();
    return live.byIds(rows.map((row) => row.id));
  }

  /**
   * Attempts that committed nothing for too long, since they were taken or since their last checkpoint: `timeoutSeconds`,
   * or four times what the quote gives an interval at most, where that is more. A re-run is one interval, and gets as long.
   */
  async #timedOut(): Promise<readonly LiveAssignment[]> {
    const { db, clock, live, timeoutSeconds } = this.#options;
    const { rows } = await sql<{ id: string }>`
      select a.id
      from assignments a join jobs j on j.id = a.job_id join quotes q on q.id = j.quote_id
      where a.ended_at is null and a.accepted_at is not null
        and greatest(a.accepted_at, (select max(c.committed_at) from checkpoints c where c.assignment_id = a.id))
          < ${new Date(clock.now())}::timestamptz - make_interval(secs => greatest(
            ${timeoutSeconds}::float8,
            4 * (q.offer #>> '{band,p99}')::float8 * (q.settings ->> 'checkpoint_every_steps')::float8 / q.total_steps
          ))
      limit ${LEASES_PER_SWEEP}
    `.execute(db);
    return live.byIds(rows.map((row) => row.id));
  }

  async #overdueCancels(): Promise<readonly LiveAssignment[]> {
    const { db, clock, live } = this.#options;
    const rows = await db
      .selectFrom("jobs")
      .innerJoin("job_events", "job_events.job_id", "jobs.id")
      .innerJoin("assignments", (join) =>
        join.onRef("assignments.job_id", "=", "jobs.id").on("assignments.ended_at", "is", null),
      )
      .select("assignments.id")
      .where("jobs.state", "in", ["ASSIGNED", "RUNNING"])
      .where("jobs.cancel_keep_model", "is not", null)
      .where("job_events.kind", "=", CANCEL_REQUESTED)
      .where("job_events.at", "<=", new Date(clock.now() - CANCEL_GRACE_MS))
      .limit(CANCELS_PER_SWEEP)
      .execute();
    return live.byIds(rows.map((row) => row.id));
  }

  /** One that fails is tried again in the next sweep and keeps nobody else waiting. */
  async #attempt(live: LiveAssignment, end: () => Promise<void>): Promise<void> {
    try {
      await end();
    } catch (error) {
      this.#options.logger.error("an attempt could not be ended", { jobId: live.jobId, error: errorMessage(error) });
    }
  }
}
