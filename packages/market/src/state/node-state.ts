/**
 * The life of a Server Node.
 *
 * BUSY means at least one assignment; a busy node still takes work while units are free. A heartbeat brings a node back
 * from OFFLINE but never frees a busy one. A node that returns while its leases still run is made BUSY again by one
 * "work-started" for them. A ban is a flag beside SLASHED: a banned node's top-up is never raised.
 */
import { stateMachine, type StateMachine } from "./transition-table.ts";

export const NODE_STATES = ["UNREGISTERED", "ACTIVE", "BUSY", "OFFLINE", "INACTIVE", "SLASHED"] as const;
export type NodeState = (typeof NODE_STATES)[number];

export const NODE_EVENTS = [
  /** Registered, or registered again with the same key. */
  "registered",
  /** A heartbeat of the node's own, by its token. */
  "heartbeat",
  /** An assignment became live on it. */
  "work-started",
  /** Its last live assignment ended. */
  "work-ended",
  /** No heartbeat for longer than its path allows. */
  "went-silent",
  /** No heartbeat for 7 days. */
  "silent-for-days",
  /** An INACTIVE node that beats again proved that it still computes. */
  "challenge-passed",
  /** Part of its stake was taken. */
  "slashed",
  /** Its stake is whole again. */
  "stake-topped-up",
] as const;
export type NodeEvent = (typeof NODE_EVENTS)[number];

/** A top-up leads to OFFLINE and not to ACTIVE: money says nothing about whether the computer is on; its next beat does. */
export const nodeMachine: StateMachine<NodeState, NodeEvent> = stateMachine({
  machine: "node",
  initial: "UNREGISTERED",
  states: NODE_STATES,
  events: NODE_EVENTS,
  table: {
    UNREGISTERED: { registered: "ACTIVE" },
    ACTIVE: {
      registered: "ACTIVE",
      heartbeat: "ACTIVE",
      "work-started": "BUSY",
      "went-silent": "OFFLINE",
      slashed: "SLASHED",
    },
    BUSY: {
      registered: "BUSY",
      heartbeat: "BUSY",
      "work-started": "BUSY",
      "work-ended": "ACTIVE",
      "went-silent": "OFFLINE",
      slashed: "SLASHED",
    },
    OFFLINE: {
      registered: "ACTIVE",
      heartbeat: "ACTIVE",
      "work-ended": "OFFLINE",
      "silent-for-days": "INACTIVE",
      slashed: "SLASHED",
    },
    INACTIVE: {
      registered: "INACTIVE",
      heartbeat: "INACTIVE",
      "challenge-passed": "ACTIVE",
      slashed: "SLASHED",
    },
    SLASHED: { registered: "SLASHED", heartbeat: "SLASHED", "work-ended": "SLASHED", "stake-topped-up": "OFFLINE" },
  },
});
