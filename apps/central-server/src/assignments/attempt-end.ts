/**
 * How an attempt ends: with a result, declined, failed, cancelled, or lost with its lease.
 *
 * A failure of the job ends the job. A failure of the node or the server gives the job back to the queue with its
 * checkpoints; the node that failed or lost it is not asked again. After `MAX_RETRIES` such attempts the job is FAILED.
 */
import { printable, AppError, defined, type NodeId, type UserId } from "@cyxwiz/primitives";
import type { AssignmentEvent, JobEvent } from "@cyxwiz/market";
import { inTransaction, type MarketTransaction, type TransactionContext } from "../database/transaction.ts";
import type { JobSignals } from "../jobs/job-signals.ts";
import { lockJob, moveJob, type JobRow } from "../jobs/job-state.ts";
import { MAX_METRICS, MAX_REPORT_TEXT, MAX_RETRIES } from "../jobs/limits.ts";
import { NO_PROGRESS, type LiveProgress } from "../jobs/live-progress.ts";
import { recordFailure } from "../jobs/node-record.ts";
import type { JobFailure, JobResultRecord, SettlementService } from "../jobs/settlement-service.ts";
import { addReader } from "../objects/object-service.ts";
import { artifactRecord, requireArtifact, type ReportedArtifact } from "./artifact.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import { begin, checkStep, commitSteps } from "./assignment-service.ts";
import { lockLive, moveAssignment, type AssignmentRow } from "./assignment-state.ts";
import type { AssignmentClaim, LiveAssignment, LiveAssignments } from "./live-assignments.ts";

export interface AttemptEndOptions extends TransactionContext {
  readonly live: LiveAssignments;
  readonly progress: LiveProgress;
  readonly signals: JobSignals;
  readonly settlements: SettlementService;
  /** A unit is free, or a job waits again. */
  readonly wakeScheduler: () => void;
}

export interface ReportedResult {
  readonly step: bigint;
  readonly onnx: ReportedArtifact | undefined;
  readonly weights: ReportedArtifact | undefined;
  readonly metrics: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
}

export interface ReportedFailure extends JobFailure {
  /** Last step that was done. */
  readonly step: bigint;
}

/** Why a job goes back to the queue. */
interface Requeue {
  readonly assignmentEvent: AssignmentEvent;
  readonly jobEvent: JobEvent;
  readonly failure: JobFailure;
  /** The node is not asked for this job again. */
  readonly isBanned: boolean;
  readonly isRetry: boolean;
}

export class AttemptEnd {
  readonly #options: AttemptEndOptions;

  constructor(options: AttemptEndOptions) {
    this.#options = options;
  }

  /**
   * The work is done: its last steps are committed, the job is COMPLETED and its payment decided. Until re-runs check
   * results, they are of class unverified, and the job says so. The same result again is accepted and changes nothing.
   */
  async delivered(claim: AssignmentClaim, result: ReportedResult): Promise<void> {
    if (await this.#isDelivered(claim)) return;
    const live = await this.#options.live.require(claim);
    await this.#end(live, async (transaction, lockedJob, lockedAssignment) => {
      const at = this.#now();
      checkStep(result.step, lockedJob.total_steps, lockedJob.total_steps);
      const weights = result.weights ?? result.onnx;
      if (!weights) throw new AppError(ASSIGNMENT_ERRORS.ARTIFACT_NOT_FOUND, { what: "model", cid: "(none)" });
      const started = await begin(transaction, lockedJob, lockedAssignment, at);
      await this.#keepArtifacts(transaction, live, started.job, result);
      let job = started.job;
      if (job.committed_step < job.total_steps) {
        const checkpoint = { ...weights, step: job.total_steps };
        job = await commitSteps(transaction, { job, assignment: started.assignment, checkpoint, at });
      }
      const message = "every step is done and the result is stored";
      const progress = JSON.stringify({
        ...NO_PROGRESS,
        ...this.#options.progress.latest(live.jobId),
        step: live.totalSteps,
        secondsLeft: 0,
      });
      job = await moveJob(transaction, job, { event: "result-committed", at, message, also: { progress } });
      await this.#options.settlements.end(transaction, job, { kind: "completed", result: resultRecord(result) });
    });
  }

  /** The node does not take it; another is asked. */
  async declined(claim: AssignmentClaim, failure: Pick<JobFailure, "code" | "message">): Promise<void> {
    const live = await this.#options.live.require(claim);
    await this.#end(live, async (transaction, job, assignment) => {
      const isOffer = assignment.state === "OFFERED";
      await this.#requeue(transaction, job, assignment, {
        assignmentEvent: isOffer ? "declined" : "failed",
        jobEvent: isOffer ? "declined" : "attempt-failed",
        failure: { blame: "node", code: cut(failure.code), message: cut(failure.message) },
        isBanned: true,
        isRetry: !isOffer,
      });
    });
  }

  /** The work cannot go on. */
  async failed(claim: AssignmentClaim, failure: ReportedFailure): Promise<void> {
    const live = await this.#options.live.require(claim);
    await this.#end(live, async (transaction, job, offered) => {
      const assignment = await takenUp(transaction, offered, this.#now());
      const { blame, code, step } = failure;
      const reason: JobFailure = { blame, code: cut(code), message: `${cut(failure.message)} (step ${step})` };
      if (blame === "job") {
        await this.#options.settlements.end(transaction, job, { kind: "failed", failure: reason });
        return;
      }
      await this.#requeue(transaction, job, assignment, {
        assignmentEvent: "failed",
        jobEvent: "attempt-failed",
        failure: reason,
        isBanned: blame === "node",
        isRetry: true,
      });
    });
  }

  /** The node stopped as asked, or its time to hand over the model is over. */
  async cancelled(
    live: LiveAssignment,
    model: { readonly onnx: ReportedArtifact | undefined; readonly weights: ReportedArtifact | undefined },
  ): Promise<void> {
    await this.#end(live, async (transaction, job) => {
      if (job.cancel_keep_model === null) {
        throw new AppError(ASSIGNMENT_ERRORS.ASSIGNMENT_OVER, { assignmentId: live.assignmentId });
      }
      const hasModel = model.onnx !== undefined || model.weights !== undefined;
      if (hasModel) await this.#keepArtifacts(transaction, live, job, model);
      await this.#options.settlements.end(transaction, job, {
        kind: "cancelled",
        reason: hasModel ? "cancelled by its user; the model so far is kept" : "cancelled by its user",
        ...(hasModel && { result: resultRecord({ ...NO_RESULT, ...model }) }),
      });
    });
  }

  /** The node fell silent for longer than its lease. Does nothing when it spoke in between. */
  async leaseExpired(live: LiveAssignment): Promise<void> {
    await this.#end(live, async (transaction, job, assignment) => {
      if (assignment.lease_expires_at.getTime() > this.#options.clock.now()) return;
      await this.#lose(transaction, job, assignment, {
        code: "central/lease-expired",
        message: "the node fell silent for longer than its lease",
      });
    });
  }

  /** The node came back without it too often. */
  async abandoned(live: LiveAssignment): Promise<void> {
    await this.#end(live, (transaction, job, assignment) =>
      this.#lose(transaction, job, assignment, {
        code: "central/attempt-abandoned",
        message: "the node lost the work again and again",
      }),
    );
  }

  async #lose(
    transaction: MarketTransaction,
    job: JobRow,
    assignment: AssignmentRow,
    why: Pick<JobFailure, "code" | "message">,
  ): Promise<void> {
    await this.#requeue(transaction, job, assignment, {
      assignmentEvent: "lease-expired",
      jobEvent: "node-lost",
      failure: { blame: "node", ...why },
      isBanned: true,
      isRetry: true,
    });
  }

  /** Back to the queue with its checkpoints, or FAILED when its retries are used up. */
  async #requeue(
    transaction: MarketTransaction,
    job: JobRow,
    assignment: AssignmentRow,
    requeue: Requeue,
  ): Promise<void> {
    const at = this.#now();
    const { failure, isBanned, isRetry } = requeue;
    if (job.cancel_keep_model !== null) {
      const reason = "cancelled by its user; the node did not hand over a model";
      await this.#options.settlements.end(transaction, job, { kind: "cancelled", reason });
      return;
    }
    if (failure.blame === "node" && isRetry) await recordFailure(transaction, assignment.machine_id as NodeId);
    const attempts = job.attempts + (isRetry ? 1 : 0);
    if (attempts > MAX_RETRIES) {
      const message = `${failure.message}; ${attempts} attempts were lost, and everything is refunded`;
      await this.#options.settlements.end(transaction, job, { kind: "failed", failure: { ...failure, message } });
      return;
    }
    const also = { failure: JSON.stringify(failure) };
    await moveAssignment(transaction, assignment, { event: requeue.assignmentEvent, at, also });
    await moveJob(transaction, job, {
      event: requeue.jobEvent,
      at,
      message: `${failure.message}; the job waits for another node, at step ${job.committed_step}`,
      also: {
        attempts,
        placement: null,
        progress: JSON.stringify({ ...NO_PROGRESS, step: Number(job.committed_step) }),
        ...(isBanned && { banned_machines: [...job.banned_machines, assignment.machine_id] }),
      },
    });
  }

  /** Checks that the stored model is the node's own upload and lets the job's user read it. */
  async #keepArtifacts(
    transaction: MarketTransaction,
    live: LiveAssignment,
    job: JobRow,
    { onnx, weights }: Pick<ReportedResult, "onnx" | "weights">,
  ): Promise<void> {
    for (const [what, artifact] of [
      ["ONNX model", onnx],
      ["weights", weights],
    ] as const) {
      if (!artifact) continue;
      await requireArtifact(transaction, live.ownerId, artifact, what);
      await addReader(transaction, artifact.cid, job.user_id as UserId);
    }
  }

  async #end(
    live: LiveAssignment,
    run: (transaction: MarketTransaction, job: JobRow, assignment: AssignmentRow) => Promise<void>,
  ): Promise<void> {
    const { live: assignments, progress, signals, settlements, wakeScheduler } = this.#options;
    const isOver = await inTransaction(this.#options, async (transaction) => {
      const job = defined(await lockJob(transaction, live.jobId), "the job of an assignment");
      await run(transaction, job, await lockLive(transaction, live.assignmentId));
      const after = await transaction
        .selectFrom("assignments")
        .select("ended_at")
        .where("id", "=", live.assignmentId)
        .executeTakeFirstOrThrow();
      return after.ended_at !== null;
    });
    if (!isOver) return;
    assignments.forget(live.assignmentId);
    progress.forget(live.jobId);
    settlements.committed();
    signals.changed(live.jobId);
    wakeScheduler();
  }

  async #isDelivered({ nodeId, assignmentId, fencingToken }: AssignmentClaim): Promise<boolean> {
    const row = await this.#options.db
      .selectFrom("assignments")
      .select("id")
      .where("id", "=", assignmentId)
      .where("machine_id", "=", nodeId)
      .where("fencing_token", "=", fencingToken)
      .where("state", "=", "SUCCEEDED")
      .executeTakeFirst();
    return row !== undefined;
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** An attempt that fails was taken up, whether or not the node said so first. */
async function takenUp(transaction: MarketTransaction, assignment: AssignmentRow, at: Date): Promise<AssignmentRow> {
  if (assignment.state !== "OFFERED") return assignment;
  return moveAssignment(transaction, assignment, { event: "accepted", at, also: { accepted_at: at } });
}

const NO_RESULT = { step: 0n, metrics: {}, seconds: 0, lowering: "", build: "", hardwareClass: "" } as const;

function resultRecord(result: ReportedResult): JobResultRecord {
  const metrics = Object.entries(result.metrics)
    .filter(([, value]) => Number.isFinite(value))
    .map(([name, value]) => [cut(name), value] as const);
  return {
    onnx: artifactRecord(result.onnx),
    weights: artifactRecord(result.weights),
    metrics: Object.fromEntries(metrics.slice(0, MAX_METRICS)),
    seconds: Number.isFinite(result.seconds) ? result.seconds : 0,
    lowering: cut(result.lowering),
    build: cut(result.build),
    hardware_class: cut(result.hardwareClass),
  };
}

/** A node's text as it is kept: short, and without what PostgreSQL refuses. */
function cut(text: string): string {
  return printable(text.slice(0, MAX_REPORT_TEXT));
}
