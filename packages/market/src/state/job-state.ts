/**
 * The life of a job: what a user pays for.
 *
 * A job survives the loss of a node: it goes back to ESCROWED with its checkpoints and its money still locked, and is
 * placed again. Why it failed (its own fault, the node's, the server's) is data beside the state, because the cause
 * decides who is paid and not where the job can go.
 *
 * Whatever is paid is checked before: every end that leaves committed steps to pay (a result, a cancel, a fault of the
 * job itself) leads through VERIFYING, from wherever the job stands. Which end is being checked is data beside the state
 * too; the check only confirms it, or sends the job back.
 */
import { stateMachine, type StateMachine } from "./transition-table.ts";

export const JOB_STATES = [
  "CREATED",
  "QUEUED",
  "ESCROWED",
  "ASSIGNED",
  "RUNNING",
  "VERIFYING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
] as const;
export type JobState = (typeof JOB_STATES)[number];

export const JOB_EVENTS = [
  /** The user submitted it, with a quote. */
  "submitted",
  /** The rail confirmed that the quote's amount is locked. */
  "escrow-locked",
  /** The scheduler placed it and an assignment was offered. */
  "assigned",
  /** The node would not take the assignment, or let the offer lapse. */
  "declined",
  /** The node reported the first step. */
  "started",
  /** The lease of the node expired; committed checkpoints stay. */
  "node-lost",
  /** The attempt failed by the node's fault and retries are left. */
  "attempt-failed",
  /** Its end is committed and has to be checked: a result, or committed steps of a job that is cancelled or at fault. */
  "end-committed",
  /** The re-run agreed, or the job is of class unverified; its result is there. */
  "result-accepted",
  /** Two re-runs by different owners disagreed with committed steps; they are done again elsewhere. */
  "result-refused",
  /** What a lost attempt leaves was checked, or nobody could check it in time: the job can be placed again. */
  "handed-over",
  /** It ends without a result; the cause is recorded beside it. From VERIFYING: by its own fault, which was checked. */
  "failed",
  /** The user stopped it. From VERIFYING: before that, with committed steps, which were checked. */
  "cancelled",
] as const;
export type JobEvent = (typeof JOB_EVENTS)[number];

/**
 * VERIFYING waits for a verdict and for nothing else: a verifier that is lost is replaced, and a wish to cancel comes too
 * late, because what is due by then is committed. `failed` and `cancelled` lead out of it as the ends that were checked.
 */
export const jobMachine: StateMachine<JobState, JobEvent> = stateMachine({
  machine: "job",
  initial: "CREATED",
  states: JOB_STATES,
  events: JOB_EVENTS,
  table: {
    CREATED: { submitted: "QUEUED", cancelled: "CANCELLED" },
    QUEUED: { "escrow-locked": "ESCROWED", failed: "FAILED", cancelled: "CANCELLED" },
    ESCROWED: { assigned: "ASSIGNED", "end-committed": "VERIFYING", failed: "FAILED", cancelled: "CANCELLED" },
    ASSIGNED: {
      declined: "ESCROWED",
      started: "RUNNING",
      "node-lost": "ESCROWED",
      "attempt-failed": "ESCROWED",
      "end-committed": "VERIFYING",
      failed: "FAILED",
      cancelled: "CANCELLED",
    },
    RUNNING: {
      "node-lost": "ESCROWED",
      "attempt-failed": "ESCROWED",
      "end-committed": "VERIFYING",
      failed: "FAILED",
      cancelled: "CANCELLED",
    },
    VERIFYING: {
      "result-accepted": "COMPLETED",
      "result-refused": "ESCROWED",
      "handed-over": "ESCROWED",
      failed: "FAILED",
      cancelled: "CANCELLED",
    },
    COMPLETED: {},
    FAILED: {},
    CANCELLED: {},
  },
});

/** Whose fault a FAILED job is. The three stay apart everywhere: only the job's own fault costs its user anything. */
export const FAILURE_CAUSES = ["job", "node", "server"] as const;
export type FailureCause = (typeof FAILURE_CAUSES)[number];
