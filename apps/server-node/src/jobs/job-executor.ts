/**
 * The assignments of this node: which are taken, which run, how they are stopped.
 *
 * An assignment stays listed until its last report is answered, so that a hello after a reconnect never makes the server
 * believe that a finished one was lost. Being offered the same assignment twice is normal after a reconnect and starts
 * nothing twice.
 */
import type { NodeReport, Assignment, Lease, LiveChange, RunningAssignment } from "../central/messages.ts";
import type { DevicePool } from "../devices/device-pool.ts";
import { refusal, type Refusal } from "../devices/refusal.ts";
import { NODE_ERRORS } from "../errors.ts";
import { OFFER_HOLD_MS } from "../limits.ts";
import { checkAssignment } from "./assignment-check.ts";
import { AssignmentRun } from "./assignment-run.ts";
import type { RunContext } from "./run-context.ts";

export interface ExecutorOptions extends RunContext {
  readonly pool: DevicePool;
}

export interface ExecutorCounts {
  /** Trainings that delivered their model. */
  readonly completed: number;
  /** Re-runs that were done, whatever they found. */
  readonly verified: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** Refusals that end with the work that takes the room. */
const TAKEN: ReadonlySet<string> = new Set([NODE_ERRORS.UNIT_FULL.code, NODE_ERRORS.JOBS_EXCEEDED.code]);

interface Held {
  readonly run: AssignmentRun;
  readonly ended: Promise<void>;
}

export class JobExecutor implements AsyncDisposable {
  readonly #options: ExecutorOptions;
  readonly #held = new Map<string, Held>();
  readonly #killed = new AbortController();
  readonly #counts = { completed: 0, verified: 0, failed: 0, cancelled: 0 };
  /** Offers that wait for a device to be released. */
  readonly #waiting = new Map<string, Assignment>();
  #isDraining = false;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Takes the work, or declines it with a reason; the answer goes to the outbox. */
  offer(assignment: Assignment): void {
    const { outbox } = this.#options;
    const { assignmentId, fencingToken } = assignment;
    const held = this.#held.get(assignmentId);
    if (held) {
      if (held.run.assignment.fencingToken !== fencingToken) return;
      outbox.push({ kind: "accepted", assignmentId, fencingToken });
      // What the user changed while the stream was away comes with the second offer.
      for (const change of assignment.changes) held.run.change(change);
      return;
    }
    if (this.#waiting.has(assignmentId)) {
      this.#waiting.set(assignmentId, assignment);
      return;
    }
    const refused = this.#start(assignment);
    if (!refused) return;
    const ending = [...this.#held.values()].filter(({ run }) => run.isEnding).map(({ ended }) => ended);
    if (TAKEN.has(refused.code) && ending.length > 0) void this.#offerAfter(ending, assignment);
    else this.#decline(assignment, refused);
  }

  /**
   * The server counts a device as free when it ends the work there; here it is free when the trainer has stopped. An offer
   * that comes in between waits for that, and for no longer than a moment.
   */
  async #offerAfter(ending: readonly Promise<void>[], offered: Assignment): Promise<void> {
    const { assignmentId } = offered;
    this.#waiting.set(assignmentId, offered);
    const held = new AbortController();
    const tooLong = this.#options.clock.sleep(OFFER_HOLD_MS, held.signal).catch(() => undefined);
    await Promise.race([Promise.all(ending), tooLong]);
    held.abort();
    const assignment = this.#waiting.get(assignmentId);
    this.#waiting.delete(assignmentId);
    // Called off in the meantime.
    if (!assignment || this.#killed.signal.aborted) return;
    const refused = this.#start(assignment);
    if (refused) this.#decline(assignment, refused);
  }

  #decline({ assignmentId, fencingToken, jobId }: Assignment, { code, message }: Refusal): void {
    this.#options.logger.warn("declined an assignment", { assignmentId, jobId, code, reason: message });
    this.#options.outbox.push({ kind: "declined", assignmentId, fencingToken, code, message });
  }

  /** Stops one assignment cooperatively. One that is not held is answered as cancelled: there is nothing left to stop. */
  cancel(lease: Lease, options: { readonly reason: string; readonly keepModel: boolean }): void {
    const { assignmentId, fencingToken } = lease;
    const held = this.#held.get(assignmentId);
    if (!held) {
      this.#waiting.delete(assignmentId);
      this.#options.outbox.push({ kind: "cancelled", assignmentId, fencingToken, step: 0 });
      return;
    }
    if (held.run.assignment.fencingToken !== fencingToken) return;
    this.#options.logger.info("cancelling an assignment", { assignmentId, reason: options.reason });
    held.run.stop({ kind: "cancel", keepModel: options.keepModel });
  }

  /** Hands a change to the training that it is for. The server sends it again with the next attempt, so none is lost. */
  change({ assignmentId, fencingToken }: Lease, change: LiveChange): void {
    const run = this.#held.get(assignmentId)?.run;
    const waiting = this.#waiting.get(assignmentId);
    if (run?.assignment.fencingToken === fencingToken) run.change(change);
    else if (waiting?.fencingToken === fencingToken) {
      this.#waiting.set(assignmentId, { ...waiting, changes: [...waiting.changes, change] });
    } else {
      const { changeId } = change;
      this.#options.logger.warn("a change is let pass: its work is not here", { assignmentId, changeId });
    }
  }

  /** As `cancel`, by the job's id, as heartbeats name it. */
  cancelJob(jobId: string): void {
    for (const { run } of this.#held.values()) {
      if (run.assignment.jobId === jobId) run.stop({ kind: "cancel", keepModel: false });
    }
  }

  /** The server refused a report: the assignment is no longer this node's. */
  refused(
    report: NodeReport,
    answer: { readonly code: string; readonly message: string; readonly sequence: bigint },
  ): void {
    const { assignmentId } = report;
    const { code, message } = answer;
    this.#options.logger.warn("the Central Server refused a report; the assignment is dropped", {
      assignmentId,
      report: report.kind,
      code,
      reason: message,
    });
    this.#held.get(assignmentId)?.run.drop();
    this.#options.outbox.forget(assignmentId, { ...answer, accepted: false });
  }

  running(): readonly RunningAssignment[] {
    return [...this.#held.values()].map(({ run }) => {
      const { assignmentId, fencingToken, jobId, kind } = run.assignment;
      return { assignmentId, fencingToken, jobId, kind, step: run.step };
    });
  }

  counts(): ExecutorCounts {
    return { ...this.#counts };
  }

  /** Takes nothing new, stops what runs after a last checkpoint, and returns when every last report is answered. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const { run } of this.#held.values()) run.stop({ kind: "drain" });
    await Promise.all([...this.#held.values()].map((held) => held.ended));
  }

  /** Ends everything at once, without reports. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true;
    this.#killed.abort();
    await Promise.all([...this.#held.values()].map((held) => held.ended));
  }

  #start(assignment: Assignment): Refusal | undefined {
    const { pool, abilities, cache, outbox, logger } = this.#options;
    const { assignmentId, fencingToken, unitId, jobId, kind } = assignment;
    if (this.#isDraining) return refusal(NODE_ERRORS.NODE_DRAINING, {});
    const unfit = checkAssignment(assignment, { abilities, objectBytes: cache.maxBytes });
    if (unfit) return unfit;
    const device = pool.acquire(assignment);
    if (device.kind === "refused") return device;
    const run = new AssignmentRun(assignment, device, this.#options);
    outbox.push({ kind: "accepted", assignmentId, fencingToken });
    const { threads } = device;
    logger.info("took an assignment", { assignmentId, jobId, kind, unitId, threads, fromStep: run.step });
    this.#held.set(assignmentId, { run, ended: this.#follow(run) });
    return undefined;
  }

  async #follow(run: AssignmentRun): Promise<void> {
    const { outbox, logger } = this.#options;
    const { assignmentId, jobId } = run.assignment;
    const signal = this.#killed.signal;
    try {
      const last = await run.run(signal);
      if (!last) return;
      this.#count(last);
      logger.info("an assignment ended", { assignmentId, jobId, outcome: last.kind, step: run.step });
      await outbox.deliver(last, signal);
    } catch (error) {
      if (!signal.aborted) logger.error("an assignment ended unexpectedly", { assignmentId, jobId, error });
    } finally {
      this.#held.delete(assignmentId);
    }
  }

  #count(last: NodeReport): void {
    if (last.kind === "result") this.#counts.completed++;
    else if (last.kind === "rerun") this.#counts.verified++;
    else if (last.kind === "cancelled") this.#counts.cancelled++;
    else this.#counts.failed++;
  }
}
