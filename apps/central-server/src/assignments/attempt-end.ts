/**
 * How an attempt to train ends: with a result, declined, failed, cancelled, timed out, or lost with its lease. What ends
 * of attempts to re-run is passed on to them.
 *
 * A failure of the job ends the job. A failure of the node or the server gives the job back to the queue with its
 * checkpoints; the node that failed or lost it is not asked again. After `MAX_RETRIES` such attempts the job is FAILED.
 */
import { AppError, isAppError, type UserId } from "@cyxwiz/primitives";
import type { AssignmentEvent, JobEvent } from "@cyxwiz/market";
import type { MarketTransaction, TransactionContext } from "../database/transaction.ts";
import type { JobSignals } from "../jobs/job-signals.ts";
import { moveJob, type JobRow } from "../jobs/job-state.ts";
import { MAX_RETRIES } from "../jobs/limits.ts";
import { NO_PROGRESS, type LiveProgress } from "../jobs/live-progress.ts";
import type { JobEndings } from "../jobs/settlement-service.ts";
import { addReader } from "../objects/object-service.ts";
import { quoteOf } from "../quotes/quote-record.ts";
import type { ReputationService } from "../reputation/reputation-service.ts";
import type { JobFailure } from "../verification/job-ending.ts";
import { returnChanges } from "../verification/refusals.ts";
import type { RerunService } from "../verification/rerun-service.ts";
import type { VerificationService } from "../verification/verification-service.ts";
import { VERIFICATION_ERRORS } from "../verification/verification-errors.ts";
import { requireArtifact, type ReportedArtifact } from "./artifact.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import { changeAttempt } from "./attempt-change.ts";
import {
  cut,
  isUnreadableStart,
  NO_RESULT,
  resultRecord,
  type ReportedFailure,
  type ReportedResult,
} from "./reported-end.ts";
import { begin, checkStep, commitSteps, requireKind, stopOf } from "./assignment-service.ts";
import { moveAssignment, type AssignmentRow } from "./assignment-state.ts";
import type { AssignmentClaim, LiveAssignment, LiveAssignments } from "./live-assignments.ts";

export interface AttemptEndOptions extends TransactionContext {
  readonly live: LiveAssignments;
  readonly progress: LiveProgress;
  readonly signals: JobSignals;
  readonly endings: JobEndings & Pick<VerificationService, "handOver">;
  readonly reruns: RerunService;
  readonly reputation: ReputationService;
  /** A unit is free, or a job waits again. */
  readonly wakeScheduler: () => void;
}

/** A result that does not stand for what its node reported before. */
const BROKEN_COMMITMENT: ReadonlySet<string> = new Set([
  VERIFICATION_ERRORS.CHAIN_MISMATCH.code,
  VERIFICATION_ERRORS.COMMITMENT_MISSING.code,
  VERIFICATION_ERRORS.LAST_CHECKPOINT_MISSING.code,
]);

/** What a node says that is stopped by its owner. */
const NODE_DRAINING = "node/draining";

/** Why a job goes back to the queue. */
interface Requeue {
  readonly assignmentEvent: AssignmentEvent;
  readonly jobEvent: JobEvent;
  readonly failure: JobFailure;
  /** The node is not asked for this job again. */
  readonly isBanned: boolean;
  readonly isRetry: boolean;
  /** What it says of the node; absent when it says nothing. */
  readonly cause?: "attempt-failed" | "attempt-lost" | "timed-out";
}

export class AttemptEnd {
  readonly #options: AttemptEndOptions;

  constructor(options: AttemptEndOptions) {
    this.#options = options;
  }

  /**
   * The work is done: its last steps and its model are committed, and their check begins. The same result again is
   * accepted and changes nothing. One that does not stand for what was reported before is the end of the attempt.
   */
  async delivered(claim: AssignmentClaim, result: ReportedResult): Promise<void> {
    if (await this.#isDelivered(claim)) return;
    const live = await this.#options.live.require(claim);
    requireKind(live, "result", "TRAIN");
    try {
      await this.#deliver(live, result);
    } catch (error) {
      if (isAppError(error) && BROKEN_COMMITMENT.has(error.code)) {
        const { code, message } = error;
        await this.failed(claim, { blame: "node", code, message, step: result.step });
      }
      throw error;
    }
  }

  async #deliver(live: LiveAssignment, result: ReportedResult): Promise<void> {
    await this.#end(live, async (transaction, lockedJob, lockedAssignment) => {
      const at = this.#now();
      const last = (await stopOf(transaction, live.jobId)) ?? lockedJob.total_steps;
      checkStep(result.step, last, last);
      if (last === 0n) {
        const reason = "ended by its user before the first step";
        await this.#options.endings.end(transaction, lockedJob, { kind: "cancelled", reason });
        return;
      }
      const weights = result.weights ?? result.onnx;
      if (!weights) throw new AppError(ASSIGNMENT_ERRORS.ARTIFACT_NOT_FOUND, { what: "model", cid: "(none)" });
      const started = await begin(transaction, lockedJob, lockedAssignment, at);
      await this.#keepArtifacts(transaction, live, started.job, result);
      let job = started.job;
      if (job.committed_step < last) {
        // Only a node that keeps no chain may leave its last state to be taken from the model.
        if (result.chainRoot !== "") {
          const context = { step: String(last), committed: String(job.committed_step) };
          throw new AppError(VERIFICATION_ERRORS.LAST_CHECKPOINT_MISSING, context);
        }
        const checkpoint = { ...weights, step: last, initialSha256: result.initialSha256 };
        job = await commitSteps(transaction, { job, assignment: started.assignment, checkpoint, at });
      }
      await this.#noteProgress(transaction, live, Number(last));
      await this.#options.endings.end(transaction, job, {
        kind: "completed",
        result: resultRecord(result),
        commitment: { root: result.chainRoot, initialSha256: result.initialSha256 },
      });
    });
  }

  /** What is shown from now on. */
  async #noteProgress(transaction: MarketTransaction, live: LiveAssignment, step: number): Promise<void> {
    const latest = this.#options.progress.latest(live.jobId);
    const progress = JSON.stringify({ ...NO_PROGRESS, ...latest, step, secondsLeft: 0 });
    await transaction.updateTable("jobs").set({ progress }).where("id", "=", live.jobId).execute();
  }

  /** The node does not take it; another is asked. */
  async declined(claim: AssignmentClaim, failure: Pick<JobFailure, "code" | "message">): Promise<void> {
    const live = await this.#options.live.require(claim);
    if (live.kind === "VERIFY") {
      await this.#options.reruns.unanswered(live, { event: "declined", message: cut(failure.message) });
      return;
    }
    await this.#end(live, async (transaction, job, assignment) => {
      const isOffer = assignment.state === "OFFERED";
      await this.#requeue(transaction, job, assignment, {
        assignmentEvent: isOffer ? "declined" : "failed",
        jobEvent: isOffer ? "declined" : "attempt-failed",
        failure: { blame: "node", code: cut(failure.code), message: cut(failure.message) },
        isBanned: true,
        isRetry: !isOffer,
        ...(!isOffer && { cause: "attempt-failed" }),
      });
    });
  }

  /** The work cannot go on. */
  async failed(claim: AssignmentClaim, failure: ReportedFailure): Promise<void> {
    const live = await this.#options.live.require(claim);
    if (live.kind === "VERIFY") {
      await this.#options.reruns.unanswered(live, { event: "failed", message: cut(failure.message) });
      return;
    }
    await this.#end(live, async (transaction, job, offered) => {
      const assignment = await takenUp(transaction, offered, this.#now());
      const { blame, code, step } = failure;
      const reason: JobFailure = { blame, code: cut(code), message: `${cut(failure.message)} (step ${step})` };
      // What it was given to begin with cannot be read: that says something of who made it, and nothing of the job.
      const isDoubted = isUnreadableStart(failure);
      if (blame === "job" && !isDoubted) {
        await this.#options.endings.end(transaction, job, { kind: "failed", failure: reason, step: Number(step) });
        return;
      }
      // A node that goes away in order handed its work over; it may have the job again when it is back.
      const isHandedOver = code === NODE_DRAINING;
      // Less than a whole interval is none: each hand-over is checked before another node builds on it.
      const { settings } = await quoteOf(transaction, job);
      const hasProgressed = job.committed_step - assignment.from_step >= settings.checkpoint_every_steps;
      await this.#requeue(transaction, job, assignment, {
        assignmentEvent: "failed",
        jobEvent: "attempt-failed",
        failure: isDoubted ? { ...reason, blame: "server" } : reason,
        // Whoever it blames: another try on the same node would bring the same, and cost the job its retries.
        isBanned: !(isHandedOver && (hasProgressed || job.attempts === 0)),
        isRetry: !(isHandedOver && hasProgressed),
        ...(blame === "node" && !isDoubted && !isHandedOver && { cause: "attempt-failed" }),
      });
    });
  }

  /** The node stopped as asked, or its time to hand over the model is over. */
  async cancelled(
    live: LiveAssignment,
    model: { readonly onnx: ReportedArtifact | undefined; readonly weights: ReportedArtifact | undefined },
  ): Promise<void> {
    if (live.kind === "VERIFY") {
      await this.#options.reruns.unanswered(live, { event: "cancelled", message: "it was called off" });
      return;
    }
    await this.#end(live, async (transaction, job) => {
      if (job.cancel_keep_model === null) {
        throw new AppError(ASSIGNMENT_ERRORS.ASSIGNMENT_OVER, { assignmentId: live.assignmentId });
      }
      const hasModel = model.onnx !== undefined || model.weights !== undefined;
      if (hasModel) await this.#keepArtifacts(transaction, live, job, model);
      await this.#options.endings.end(transaction, job, {
        kind: "cancelled",
        reason: hasModel ? "cancelled by its user; the model so far is kept" : "cancelled by its user",
        ...(hasModel && { result: resultRecord({ ...NO_RESULT, ...model }) }),
      });
    });
  }

  /** The node fell silent for longer than its lease. Does nothing when it spoke in between. */
  async leaseExpired(live: LiveAssignment): Promise<void> {
    if (live.kind === "VERIFY") {
      await this.#options.reruns.leaseExpired(live);
      return;
    }
    await this.#end(live, async (transaction, job, assignment) => {
      if (assignment.lease_expires_at.getTime() > this.#options.clock.now()) return;
      await this.#lose(transaction, job, assignment, {
        code: "central/lease-expired",
        message: "the node fell silent for longer than its lease",
      });
    });
  }

  /** The node is there, and made no checkpoint for longer than it may; of a re-run, no answer. */
  async timedOut(live: LiveAssignment): Promise<void> {
    if (live.kind === "VERIFY") {
      await this.#options.reruns.unanswered(live, { event: "failed", message: "its node took too long" });
      return;
    }
    await this.#end(live, async (transaction, job, assignment) =>
      this.#requeue(transaction, job, await takenUp(transaction, assignment, this.#now()), {
        assignmentEvent: "failed",
        jobEvent: "attempt-failed",
        failure: {
          blame: "node",
          code: "central/attempt-timed-out",
          message: "the node committed no checkpoint for longer than it may take",
        },
        isBanned: true,
        isRetry: true,
        cause: "timed-out",
      }),
    );
  }

  /** The node came back without it too often. */
  async abandoned(live: LiveAssignment): Promise<void> {
    if (live.kind === "VERIFY") {
      await this.#options.reruns.unanswered(live, { event: "lease-expired", message: "its node lost it" });
      return;
    }
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
      cause: "attempt-lost",
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
    const { failure, isBanned, isRetry, cause } = requeue;
    if (job.cancel_keep_model !== null) {
      const reason = "cancelled by its user; the node did not hand over a model";
      await this.#options.endings.end(transaction, job, { kind: "cancelled", reason });
      return;
    }
    if (cause) await this.#options.reputation.attemptFailed(transaction, job, { assignment, cause });
    await returnChanges(transaction, job.id, Number(job.committed_step));
    const attempts = job.attempts + (isRetry ? 1 : 0);
    if (attempts > MAX_RETRIES) {
      const message = `${failure.message}; ${attempts} attempts were lost, and everything is refunded`;
      await this.#options.endings.end(transaction, job, { kind: "failed", failure: { ...failure, message } });
      return;
    }
    const also = { failure: JSON.stringify(failure) };
    const ended = await moveAssignment(transaction, assignment, { event: requeue.assignmentEvent, at, also });
    const waiting = await transaction
      .updateTable("jobs")
      .set({
        attempts,
        placement: null,
        progress: JSON.stringify({ ...NO_PROGRESS, step: Number(job.committed_step) }),
        ...(isBanned && { banned_machines: [...job.banned_machines, assignment.machine_id] }),
      })
      .where("id", "=", job.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    const { message } = failure;
    const isDoubted = isUnreadableStart(failure);
    if (await this.#options.endings.handOver(transaction, waiting, { attempt: ended, isDoubted, message })) return;
    await moveJob(transaction, waiting, {
      event: requeue.jobEvent,
      at,
      message: `${message}; the job waits for another node, at step ${job.committed_step}`,
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
    const { progress, signals, endings, wakeScheduler } = this.#options;
    if (!(await changeAttempt(this.#options, live, run))) return;
    progress.forget(live.jobId);
    endings.committed();
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
