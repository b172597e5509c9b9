/** Jobs with what is shown beside them: quote, escrow, and the node that works or worked on them last. */
import { AppError, type JobId, type UserId } from "@cyxwiz/primitives";
import type { Selectable } from "kysely";
import type { Database } from "../database/open-database.ts";
import type { JobChangesTable } from "../database/schema.ts";
import { JOB_ERRORS } from "./job-errors.ts";
import type { JobRow } from "./job-state.ts";
import { MAX_CHECKPOINTS_SHOWN, MAX_EVENTS_SHOWN } from "./limits.ts";

export interface JobRecord {
  readonly job: JobRow;
  readonly quote: { readonly amount: bigint; readonly seed: string; readonly offer: unknown };
  readonly escrow: {
    readonly state: string;
    readonly owner_amount: bigint;
    readonly platform_amount: bigint;
    readonly refunded_amount: bigint;
    readonly shares: unknown;
  } | null;
  /** The latest attempt. */
  readonly attempt: {
    readonly id: string;
    readonly node_id: string;
    readonly node_name: string;
    readonly unit_id: string;
    readonly device: string;
    readonly ended_at: Date | null;
  } | null;
  /** The latest check. */
  readonly verification: { readonly from_step: bigint | null; readonly to_step: bigint | null } | null;
  /** Re-runs of the latest check, in the order in which they were asked for. */
  readonly reruns: readonly {
    readonly machine_id: string;
    readonly name: string;
    readonly is_platform: boolean;
    readonly outcome: string | null;
    readonly distance: number | null;
    readonly paid: bigint;
  }[];
  readonly hasReceipt: boolean;
}

export interface JobHistory {
  readonly events: readonly { readonly at: Date; readonly kind: string; readonly message: string }[];
  readonly checkpoints: readonly {
    readonly step: bigint;
    readonly cid: string;
    readonly sha256: string;
    readonly size_bytes: bigint;
  }[];
  readonly changes: readonly Selectable<JobChangesTable>[];
}

/** A page position: jobs older than this one, in the order of creation and id. */
export interface JobCursor {
  readonly createdAt: Date;
  readonly id: string;
}

export interface JobPage {
  readonly limit: number;
  readonly before?: JobCursor | undefined;
  readonly states?: readonly string[];
}

/** @throws AppError `central/job-not-found`, also for another user's job and one that its user deleted. */
export async function findJob(db: Database, jobId: JobId, userId: UserId): Promise<JobRecord> {
  const [record] = await records(db, (query) => query.where("jobs.id", "=", jobId).where("jobs.user_id", "=", userId));
  if (!record) throw new AppError(JOB_ERRORS.JOB_NOT_FOUND, { jobId });
  return record;
}

/** A user's jobs, newest first. */
export async function listJobs(db: Database, userId: UserId, page: JobPage): Promise<readonly JobRecord[]> {
  const { limit, before, states } = page;
  return records(db, (query) => {
    let mine = query.where("jobs.user_id", "=", userId);
    if (states) mine = mine.where("jobs.state", "in", [...states]);
    if (before) {
      mine = mine.where((eb) =>
        eb.or([
          eb("jobs.created_at", "<", before.createdAt),
          eb.and([eb("jobs.created_at", "=", before.createdAt), eb("jobs.id", ">", before.id)]),
        ]),
      );
    }
    return mine.orderBy("jobs.created_at", "desc").orderBy("jobs.id").limit(limit);
  });
}

/** The newest events and checkpoints, oldest first. */
export async function historyOf(db: Database, jobId: JobId): Promise<JobHistory> {
  const events = await db
    .selectFrom("job_events")
    .select(["at", "kind", "message"])
    .where("job_id", "=", jobId)
    .orderBy("id", "desc")
    .limit(MAX_EVENTS_SHOWN)
    .execute();
  const checkpoints = await db
    .selectFrom("checkpoints")
    .select(["step", "cid", "sha256", "size_bytes"])
    .where("job_id", "=", jobId)
    .orderBy("step", "desc")
    .limit(MAX_CHECKPOINTS_SHOWN)
    .execute();
  const changes = await db
    .selectFrom("job_changes")
    .selectAll()
    .where("job_id", "=", jobId)
    .orderBy("requested_at")
    .orderBy("id")
    .execute();
  return { events: events.toReversed(), checkpoints: checkpoints.toReversed(), changes };
}

/** The history's line that hides a job from its user's lists. */
export const HIDDEN_EVENT = "deleted";

function visibleJobs(db: Database) {
  return db
    .selectFrom("jobs")
    .selectAll("jobs")
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("job_events")
            .select("job_events.id")
            .whereRef("job_events.job_id", "=", "jobs.id")
            .where("job_events.kind", "=", HIDDEN_EVENT),
        ),
      ),
    );
}

type JobsQuery = ReturnType<typeof visibleJobs>;

async function records(db: Database, narrow: (query: JobsQuery) => JobsQuery): Promise<readonly JobRecord[]> {
  const jobs = await narrow(visibleJobs(db)).execute();
  if (jobs.length === 0) return [];
  const quoteIds = jobs.map((job) => job.quote_id);
  const quotes = await db
    .selectFrom("quotes")
    .select(["id", "amount", "seed", "offer"])
    .where("id", "in", quoteIds)
    .execute();
  const escrows = await db.selectFrom("escrows").selectAll().where("quote_id", "in", quoteIds).execute();
  const jobIds = jobs.map((job) => job.id);
  const attempts = await latestAttempts(db, jobIds);
  const checks = await latestChecks(db, jobs);
  return jobs.flatMap((job) => {
    const quote = quotes.find((one) => one.id === job.quote_id);
    if (!quote) return [];
    return {
      job,
      quote,
      escrow: escrows.find((one) => one.quote_id === job.quote_id) ?? null,
      attempt: attempts.find((one) => one.job_id === job.id) ?? null,
      ...checks(job.id),
    };
  });
}

async function latestAttempts(db: Database, jobIds: readonly string[]) {
  return db
    .selectFrom("assignments")
    .innerJoin("machines", "machines.id", "assignments.machine_id")
    .innerJoin("compute_units", "compute_units.id", "assignments.unit_id")
    .distinctOn("assignments.job_id")
    .select([
      "assignments.id",
      "assignments.job_id",
      "assignments.machine_id as node_id",
      "machines.name as node_name",
      "assignments.unit_id",
      "compute_units.device_name as device",
      "assignments.ended_at",
    ])
    .where("assignments.job_id", "in", [...jobIds])
    .where("assignments.kind", "=", "TRAIN")
    .orderBy("assignments.job_id")
    .orderBy("assignments.fencing_token", "desc")
    .execute();
}

type Checks = Pick<JobRecord, "verification" | "reruns" | "hasReceipt">;

/** The latest check of each job, with its re-runs, and whether a receipt came of it. */
async function latestChecks(
  db: Database,
  jobs: readonly { readonly id: string; readonly ended_at: Date | null }[],
): Promise<(jobId: string) => Checks> {
  const verifications = await db
    .selectFrom("verifications")
    .distinctOn("job_id")
    .select(["id", "job_id", "from_step", "to_step"])
    .where(
      "job_id",
      "in",
      jobs.map((job) => job.id),
    )
    .orderBy("job_id")
    .orderBy("drawn_at", "desc")
    .execute();
  const reruns = await rerunsOf(
    db,
    verifications.map((one) => one.id),
  );
  const ended = jobs.filter((job) => job.ended_at !== null).map((job) => job.id);
  const receipts =
    ended.length === 0 ? [] : await db.selectFrom("receipts").select("job_id").where("job_id", "in", ended).execute();
  return (jobId) => {
    const verification = verifications.find((one) => one.job_id === jobId) ?? null;
    return {
      verification,
      reruns: reruns.filter((rerun) => rerun.verification_id === verification?.id),
      hasReceipt: receipts.some((receipt) => receipt.job_id === jobId),
    };
  };
}

async function rerunsOf(db: Database, verificationIds: readonly string[]) {
  if (verificationIds.length === 0) return [];
  return db
    .selectFrom("reruns")
    .innerJoin("machines", "machines.id", "reruns.machine_id")
    .innerJoin("assignments", "assignments.id", "reruns.assignment_id")
    .select([
      "reruns.verification_id",
      "reruns.machine_id",
      "machines.name",
      "reruns.is_platform",
      "reruns.outcome",
      "reruns.distance",
      "reruns.paid",
    ])
    .where("verification_id", "in", [...verificationIds])
    .orderBy("assignments.fencing_token")
    .execute();
}
