/**
 * Ends what nobody speaks for any more: attempts whose lease ran out, attempts without a checkpoint for too long, and cancelled jobs whose node does not hand over
 * the model in time.
 */
import { errorMessage } from "@cyxwiz/primitives";
import type { Clock, Logger } from "@cyxwiz/platform";
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

  /** Attempts that committed nothing for `timeoutSeconds`, since they were taken or since their last checkpoint. */
  async #timedOut(): Promise<readonly LiveAssignment[]> {
    const { db, clock, live, timeoutSeconds } = this.#options;
    const rows = await db
      .selectFrom("assignments")
      .select("id")
      .where("ended_at", "is", null)
      .where("accepted_at", "<", new Date(clock.now() - timeoutSeconds * 1_000))
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom("checkpoints")
              .select("checkpoints.step")
              .whereRef("checkpoints.assignment_id", "=", "assignments.id")
              .where("checkpoints.committed_at", ">=", new Date(clock.now() - timeoutSeconds * 1_000)),
          ),
        ),
      )
      .limit(LEASES_PER_SWEEP)
      .execute();
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
