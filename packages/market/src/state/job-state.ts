/**
 * The life of a job: what a user pays for.
 *
 * A job survives the loss of a node: it goes back to ESCROWED with its checkpoints and its money still locked, and is
 * placed again. Why it failed (its own fault, the node's, the server's) is data beside the state, because the cause
 * decides who is paid and not where the job can go.
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
  /** The node committed the root of its checkpoint chain, result included. */
  "result-committed",
  /** The re-run agreed, or the job is of class unverified and its result is there. */
  "result-accepted",
  /** Two re-runs by different owners disagreed with the result; the steps are done again elsewhere. */
  "result-refused",
  /** It ends without a result; the cause is recorded beside it. */
  "failed",
  /** The user stopped it. */
  "cancelled",
] as const;
export type JobEvent = (typeof JOB_EVENTS)[number];

/** A cancel is refused in VERIFYING: every step is committed and due by then, so there is nothing left to stop. */
export const jobMachine: StateMachine<JobState, JobEvent> = stateMachine({
  machine: "job",
  initial: "CREATED",
  states: JOB_STATES,
  events: JOB_EVENTS,
  table: {
    CREATED: { submitted: "QUEUED", cancelled: "CANCELLED" },
    QUEUED: { "escrow-locked": "ESCROWED", failed: "FAILED", cancelled: "CANCELLED" },
    ESCROWED: { assigned: "ASSIGNED", failed: "FAILED", cancelled: "CANCELLED" },
    ASSIGNED: {
      declined: "ESCROWED",
      started: "RUNNING",
      "node-lost": "ESCROWED",
      "attempt-failed": "ESCROWED",
      failed: "FAILED",
      cancelled: "CANCELLED",
    },
    RUNNING: {
      "node-lost": "ESCROWED",
      "attempt-failed": "ESCROWED",
      "result-committed": "VERIFYING",
      failed: "FAILED",
      cancelled: "CANCELLED",
    },
    VERIFYING: {
      "node-lost": "ESCROWED",
      "result-accepted": "COMPLETED",
      "result-refused": "ESCROWED",
      failed: "FAILED",
    },
    COMPLETED: {},
    FAILED: {},
    CANCELLED: {},
  },
});

/** Whose fault a FAILED job is. The three stay apart everywhere: only the job's own fault costs its user anything. */
export const FAILURE_CAUSES = ["job", "node", "server"] as const;
export type FailureCause = (typeof FAILURE_CAUSES)[number];
