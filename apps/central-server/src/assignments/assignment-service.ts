/**
 * What a node reports about an attempt, whatever service it came by: accepted, progress, checkpoints.
 *
 * Every report names the attempt and its fencing token; one of an attempt that is over, or under an older token, is
 * refused. Progress lives in memory and is written once a second; everything that money follows from is in the database
 * before it is answered. How an attempt ends is in `attempt-end.ts`.
 */
import { AppError, defined, type JobId, type UserId } from "@cyxwiz/primitives";
import { inTransaction, type MarketTransaction, type TransactionContext } from "../database/transaction.ts";
import type { JobSignals } from "../jobs/job-signals.ts";
import { lockJob, moveJob, noteJobEvent, type JobRow } from "../jobs/job-state.ts";
import type { JobProgress, LiveProgress } from "../jobs/live-progress.ts";
import { addReader } from "../objects/object-service.ts";
import { CHECKPOINT_OVERHEAD_BYTES } from "../verification/limits.ts";
import type { VerificationService } from "../verification/verification-service.ts";
import { VERIFICATION_ERRORS } from "../verification/verification-errors.ts";
import { quoteOf, type QuoteRecord } from "../quotes/quote-record.ts";
import { requireArtifact, type ReportedArtifact } from "./artifact.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import { lockLive, moveAssignment, type AssignmentRow } from "./assignment-state.ts";
import type { AssignmentClaim, LiveAssignment, LiveAssignments } from "./live-assignments.ts";

export interface AssignmentServiceOptions extends TransactionContext {
  readonly live: LiveAssignments;
  readonly progress: LiveProgress;
  readonly signals: JobSignals;
  readonly endings: Pick<VerificationService, "isRequired">;
}

export interface ReportedCheckpoint extends ReportedArtifact {
  readonly step: bigint;
  /** Of the state before step 1; empty from nodes that keep no chain. */
  readonly initialSha256: string;
}

export class AssignmentService {
  readonly #options: AssignmentServiceOptions;

  constructor(options: AssignmentServiceOptions) {
    this.#options = options;
  }

  /** The node takes it. Again, for an attempt that it came back to: nothing changes. */
  async accepted(claim: AssignmentClaim): Promise<void> {
    const live = await this.#options.live.require(claim);
    await this.#transact(live, async (transaction, _job, assignment) => {
      if (assignment.state !== "OFFERED") return;
      const at = this.#now();
      await moveAssignment(transaction, assignment, { event: "accepted", at, also: { accepted_at: at } });
    });
    this.#options.live.extend(live.assignmentId);
    this.#options.signals.changed(live.jobId);
  }

  /** A tick of the training. The first one makes the job RUNNING; others touch only memory. */
  async progressed(claim: AssignmentClaim, progress: JobProgress): Promise<void> {
    const { live: assignments, progress: memory, signals } = this.#options;
    const live = await assignments.require(claim);
    checkStep(BigInt(progress.step), 0n, BigInt(live.totalSteps));
    if (!live.isRunning) await this.#begin(live);
    assignments.extend(live.assignmentId);
    // A re-run's ticks are signs of life and say nothing of the job's own progress.
    if (live.kind === "VERIFY") return;
    memory.note(live.jobId, progress, live.totalSteps);
    signals.changed(live.jobId);
  }

  /** Commits the steps up to a stored checkpoint: from here on they are paid for. The same one again changes nothing. */
  async checkpointStored(claim: AssignmentClaim, checkpoint: ReportedCheckpoint): Promise<void> {
    const live = await this.#options.live.require(claim);
    requireKind(live, "checkpoint", "TRAIN");
    if (!live.isRunning) await this.#begin(live);
    await this.#transact(live, async (transaction, job, assignment) => {
      if (await isStored(transaction, job.id as JobId, checkpoint, assignment)) return;
      checkStep(checkpoint.step, job.committed_step + 1n, job.total_steps);
      const quote = await quoteOf(transaction, job);
      if (this.#options.endings.isRequired(quote)) requireInitial(job, checkpoint);
      await checkCheckpoint(transaction, { job, quote, assignment, checkpoint });
      await requireArtifact(transaction, live.ownerId, checkpoint, "checkpoint");
      await commitSteps(transaction, { job, assignment, checkpoint, at: this.#now() });
    });
    this.#options.live.extend(live.assignmentId);
    this.#options.signals.changed(live.jobId);
  }

  /** Raises "started" once: the attempt runs, and so does its job. */
  async #begin(live: LiveAssignment): Promise<void> {
    await this.#transact(live, (transaction, job, assignment) => begin(transaction, job, assignment, this.#now()));
    live.isRunning = true;
    this.#options.signals.changed(live.jobId);
  }

  async #transact(
    live: LiveAssignment,
    run: (transaction: MarketTransaction, job: JobRow, assignment: AssignmentRow) => Promise<unknown>,
  ): Promise<void> {
    await inTransaction(this.#options, async (transaction) => {
      const job = defined(await lockJob(transaction, live.jobId), "the job of an assignment");
      await run(transaction, job, await lockLive(transaction, live.assignmentId));
    });
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** Walks an attempt to RUNNING from wherever it is, and its job with it. */
export async function begin(
  transaction: MarketTransaction,
  job: JobRow,
  assignment: AssignmentRow,
  at: Date,
): Promise<{ readonly job: JobRow; readonly assignment: AssignmentRow }> {
  let moved = assignment;
  if (moved.state === "OFFERED") {
    moved = await moveAssignment(transaction, moved, { event: "accepted", at, also: { accepted_at: at } });
  }
  if (moved.state === "ACCEPTED") {
    moved = await moveAssignment(transaction, moved, { event: "started", at, also: { started_at: at } });
  }
  if (assignment.kind === "VERIFY" || job.state !== "ASSIGNED") return { job, assignment: moved };
  const message = job.committed_step > 0n ? `training goes on at step ${job.committed_step}` : "training has begun";
  const also = { started_at: job.started_at ?? at };
  return { job: await moveJob(transaction, job, { event: "started", at, message, also }), assignment: moved };
}

/** Writes a checkpoint and what follows from it: the job's committed step, and that its user may read it. */
export async function commitSteps(
  transaction: MarketTransaction,
  commit: {
    readonly job: JobRow;
    readonly assignment: AssignmentRow;
    readonly checkpoint: ReportedCheckpoint;
    readonly at: Date;
  },
): Promise<JobRow> {
  const { job, assignment, checkpoint, at } = commit;
  await transaction
    .insertInto("checkpoints")
    .values({
      job_id: job.id,
      step: checkpoint.step,
      cid: checkpoint.cid,
      sha256: checkpoint.sha256,
      size_bytes: checkpoint.sizeBytes,
      assignment_id: assignment.id,
      unit_id: assignment.unit_id,
      machine_id: assignment.machine_id,
      committed_at: at,
    })
    .execute();
  await addReader(transaction, checkpoint.cid, job.user_id as UserId);
  const message = `step ${checkpoint.step} of ${job.total_steps} is committed`;
  await noteJobEvent(transaction, job.id as JobId, { kind: "checkpoint", at, message });
  return transaction
    .updateTable("jobs")
    .set({ committed_step: checkpoint.step, ...(job.committed_step === 0n && initialState(checkpoint)) })
    .where("id", "=", job.id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The first checkpoint of a job tells its initial state, which its chain begins with. */
function initialState({ initialSha256 }: ReportedCheckpoint): { readonly initial_sha256?: string } {
  return /^[0-9a-f]{64}$/.test(initialSha256) ? { initial_sha256: initialSha256 } : {};
}

interface CommitClaim {
  readonly job: JobRow;
  readonly quote: QuoteRecord;
  readonly assignment: AssignmentRow;
  readonly checkpoint: ReportedCheckpoint;
}

/**
 * A chain begins with the job's first checkpoint or not at all: a node that keeps none would leave steps that the next
 * one's chain cannot stand for.
 *
 * @throws AppError `central/commitment-missing`.
 */
function requireInitial(job: JobRow, checkpoint: ReportedCheckpoint): void {
  if (job.initial_sha256 !== null || initialState(checkpoint).initial_sha256 !== undefined) return;
  throw new AppError(VERIFICATION_ERRORS.COMMITMENT_MISSING, { jobId: job.id, missing: "initial_sha256" });
}

/**
 * Holds a checkpoint against its job: no interval is longer than agreed, because what is re-run is at most one; none but
 * an attempt's last is shorter, because every interval is as likely to be drawn, and many short honest ones would hide
 * a few long others; and no state is larger than the graph's.
 *
 * @throws AppError `central/chain-gap`, `central/step-out-of-range`, `central/checkpoint-too-large`.
 */
async function checkCheckpoint(
  transaction: MarketTransaction,
  { job, quote, assignment, checkpoint }: CommitClaim,
): Promise<void> {
  const { step, sizeBytes } = checkpoint;
  const { settings, cost, totalSteps } = quote;
  const every = BigInt(settings.checkpoint_every_steps);
  const regular = (job.committed_step / every + 1n) * every;
  const next = regular < BigInt(totalSteps) ? regular : BigInt(totalSteps);
  if (step > next) throw new AppError(VERIFICATION_ERRORS.CHAIN_GAP, { step: String(step), next: String(next) });
  const end = await stepsEndAt(transaction, job, assignment, every);
  if (end !== undefined && step > end) {
    throw new AppError(ASSIGNMENT_ERRORS.STEP_INVALID, { step: String(step), allowed: `none after ${end}` });
  }
  const allowed = BigInt(Math.ceil(cost.shown.checkpoint_bytes)) + CHECKPOINT_OVERHEAD_BYTES;
  if (sizeBytes <= allowed) return;
  const context = { sizeBytes: String(sizeBytes), allowedBytes: String(allowed) };
  throw new AppError(VERIFICATION_ERRORS.CHECKPOINT_TOO_LARGE, context);
}

/** The step after which an attempt commits none: where the user's stop took effect, or where it left the rhythm itself. */
async function stepsEndAt(
  transaction: MarketTransaction,
  job: JobRow,
  assignment: AssignmentRow,
  every: bigint,
): Promise<bigint | undefined> {
  const stop = await stopOf(transaction, job.id as JobId);
  if (stop !== undefined || job.committed_step % every === 0n) return stop;
  const latest = await transaction
    .selectFrom("checkpoints")
    .select("assignment_id")
    .where("job_id", "=", job.id)
    .where("step", "=", job.committed_step)
    .executeTakeFirst();
  return latest?.assignment_id === assignment.id ? job.committed_step : undefined;
}

/** The step after which the user's wish to end the job took effect. */
export async function stopOf(transaction: MarketTransaction, jobId: JobId): Promise<bigint | undefined> {
  const stop = await transaction
    .selectFrom("job_changes")
    .select("applied_step")
    .where("job_id", "=", jobId)
    .where("stop", "=", true)
    .where("applied_step", "is not", null)
    .orderBy("applied_step")
    .limit(1)
    .executeTakeFirst();
  return stop?.applied_step ?? undefined;
}

/** @throws AppError `central/report-kind-mismatch`. */
export function requireKind({ kind }: LiveAssignment, report: string, wanted: LiveAssignment["kind"]): void {
  if (kind !== wanted) throw new AppError(VERIFICATION_ERRORS.RERUN_EXPECTED, { report, kind });
}

/** @throws AppError `central/step-out-of-range`. */
export function checkStep(step: bigint, from: bigint, to: bigint): void {
  if (step >= from && step <= to) return;
  const allowed = from > to ? "none, every step is committed" : `${from} to ${to}`;
  throw new AppError(ASSIGNMENT_ERRORS.STEP_INVALID, { step: String(step), allowed });
}

async function isStored(
  transaction: MarketTransaction,
  jobId: JobId,
  checkpoint: ReportedCheckpoint,
  assignment: AssignmentRow,
): Promise<boolean> {
  const row = await transaction
    .selectFrom("checkpoints")
    .select(["cid", "assignment_id"])
    .where("job_id", "=", jobId)
    .where("step", "=", checkpoint.step)
    .executeTakeFirst();
  return row?.cid === checkpoint.cid && row.assignment_id === assignment.id;
}
