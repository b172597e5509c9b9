/**
 * The life of an assignment: one attempt to do a piece of a job (kind TRAIN or VERIFY) on one unit, under a lease.
 *
 * An attempt ends exactly once. SUCCEEDED means that the node delivered everything that it owed (checkpoints, result,
 * commitment); whether the result is believed is the job's verdict, not the assignment's.
 */
import { stateMachine, type StateMachine } from "./transition-table.ts";

export const ASSIGNMENT_STATES = [
  "OFFERED",
  "ACCEPTED",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "DECLINED",
  "LOST",
  "CANCELLED",
] as const;
export type AssignmentState = (typeof ASSIGNMENT_STATES)[number];

export const ASSIGNMENT_EVENTS = [
  /** The node took it; its lease begins. */
  "accepted",
  /** The node would not take it, or the offer lapsed on a node that is there. */
  "declined",
  /** The first step was reported. */
  "started",
  /** Everything owed was delivered. */
  "succeeded",
  /** The node reported a failure, whoever's fault. */
  "failed",
  /** The node fell silent for longer than its lease. */
  "lease-expired",
  /** The job was cancelled or ended some other way; the node is told to stop. */
  "cancelled",
] as const;
export type AssignmentEvent = (typeof ASSIGNMENT_EVENTS)[number];

export const assignmentMachine: StateMachine<AssignmentState, AssignmentEvent> = stateMachine({
  machine: "assignment",
  initial: "OFFERED",
  states: ASSIGNMENT_STATES,
  events: ASSIGNMENT_EVENTS,
  table: {
    OFFERED: { accepted: "ACCEPTED", declined: "DECLINED", "lease-expired": "LOST", cancelled: "CANCELLED" },
    ACCEPTED: { started: "RUNNING", failed: "FAILED", "lease-expired": "LOST", cancelled: "CANCELLED" },
    RUNNING: { succeeded: "SUCCEEDED", failed: "FAILED", "lease-expired": "LOST", cancelled: "CANCELLED" },
    SUCCEEDED: {},
    FAILED: {},
    DECLINED: {},
    LOST: {},
    CANCELLED: {},
  },
});

/** What an assignment is for: doing the steps, or re-running an interval of them to check. */
export const ASSIGNMENT_KINDS = ["TRAIN", "VERIFY"] as const;
export type AssignmentKind = (typeof ASSIGNMENT_KINDS)[number];

/** The states in which an assignment occupies its unit and counts against the device's capacity. */
export const LIVE_ASSIGNMENT_STATES: readonly AssignmentState[] = ["OFFERED", "ACCEPTED", "RUNNING"];
