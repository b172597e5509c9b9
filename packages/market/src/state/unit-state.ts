/**
 * The life of a compute unit: one device of a machine that its owner may share.
 *
 * Why a unit is PAUSED (the owner, or "overheating") is data beside the state: what paused it is what may resume it.
 * A paused or broken unit of a silent node stays as it is, since only ACTIVE promises that work is taken.
 */
import { stateMachine, type StateMachine } from "./transition-table.ts";

export const UNIT_STATES = ["NOT_SHARED", "INACTIVE", "REGISTERING", "ACTIVE", "PAUSED", "OFFLINE", "ERROR"] as const;
export type UnitState = (typeof UNIT_STATES)[number];

export const UNIT_EVENTS = [
  /** The owner shares the device. */
  "sharing-enabled",
  /** The owner takes the device back. */
  "sharing-disabled",
  /** The node asks the Central Server to take the unit in. */
  "registration-started",
  /** The server took it in. */
  "registered",
  /** The server did not; the reason is kept beside the state. */
  "registration-failed",
  /** The owner paused it, or it overheated. */
  "paused",
  /** The owner resumed it, or it cooled down. */
  "resumed",
  /** The node's heartbeats stopped. */
  "heartbeat-lost",
  /** The node's heartbeats are back. */
  "heartbeat-returned",
  /** A self-test or the device's driver failed. */
  "self-test-failed",
  /** A self-test passed. */
  "self-test-passed",
] as const;
export type UnitEvent = (typeof UNIT_EVENTS)[number];

export const unitMachine: StateMachine<UnitState, UnitEvent> = stateMachine({
  machine: "compute unit",
  initial: "NOT_SHARED",
  states: UNIT_STATES,
  events: UNIT_EVENTS,
  table: {
    NOT_SHARED: { "sharing-enabled": "INACTIVE" },
    INACTIVE: { "sharing-disabled": "NOT_SHARED", "registration-started": "REGISTERING" },
    REGISTERING: { "sharing-disabled": "NOT_SHARED", registered: "ACTIVE", "registration-failed": "INACTIVE" },
    ACTIVE: {
      "sharing-disabled": "NOT_SHARED",
      paused: "PAUSED",
      "heartbeat-lost": "OFFLINE",
      "self-test-failed": "ERROR",
      "self-test-passed": "ACTIVE",
    },
    PAUSED: { "sharing-disabled": "NOT_SHARED", resumed: "ACTIVE", "self-test-failed": "ERROR" },
    OFFLINE: { "sharing-disabled": "NOT_SHARED", paused: "PAUSED", "heartbeat-returned": "ACTIVE" },
    ERROR: { "sharing-disabled": "NOT_SHARED", "self-test-passed": "ACTIVE" },
  },
});
