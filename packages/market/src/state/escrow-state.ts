/**
 * The life of an escrow: the money of one quote, from lock to pay-out.
 *
 * Release and refund are one event, because one settlement divides the whole amount: a full refund is a settlement that
 * pays nobody else. SETTLING has no way back: the command has its idempotency key and is retried until the rail has it.
 */
import { stateMachine, type StateMachine } from "./transition-table.ts";

export const ESCROW_STATES = ["NONE", "LOCKED", "SETTLING", "SETTLED"] as const;
export type EscrowState = (typeof ESCROW_STATES)[number];

export const ESCROW_EVENTS = [
  /** The rail holds the amount. */
  "locked",
  /** The division is decided and recorded; the rail is asked to pay it. */
  "settlement-started",
  /** The rail paid it. */
  "settlement-confirmed",
] as const;
export type EscrowEvent = (typeof ESCROW_EVENTS)[number];

export const escrowMachine: StateMachine<EscrowState, EscrowEvent> = stateMachine({
  machine: "escrow",
  initial: "NONE",
  states: ESCROW_STATES,
  events: ESCROW_EVENTS,
  table: {
    NONE: { locked: "LOCKED" },
    LOCKED: { "settlement-started": "SETTLING" },
    SETTLING: { "settlement-confirmed": "SETTLED" },
    SETTLED: {},
  },
});
