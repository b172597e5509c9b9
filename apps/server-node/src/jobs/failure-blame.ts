import { errorMessage, isAppError } from "@cyxwiz/primitives";
import type { Blame } from "../central/messages.ts";
import { NODE_ERRORS } from "../errors.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";

export interface Failure {
  readonly blame: Blame;
  readonly code: string;
  readonly message: string;
}

/** What the server handed out itself: wrong bytes, or an object that it does not have. */
const SERVER_FAULTS: ReadonlySet<string> = new Set([
  NODE_ERRORS.OBJECT_MISMATCH.code,
  NODE_ERRORS.CHECKPOINT_MISMATCH.code,
  NODE_ERRORS.CENTRAL_REFUSED.code,
]);
/** Seen alike from a node with a broken network and from one whose server is down: the server decides. */
const UNDECIDED: ReadonlySet<string> = new Set([
  NODE_ERRORS.CENTRAL_UNREACHABLE.code,
  NODE_ERRORS.CENTRAL_UNAVAILABLE.code,
  NODE_ERRORS.CENTRAL_ANSWER_MALFORMED.code,
  NODE_ERRORS.STEPS_MISMATCH.code,
]);

/** Whose fault it is that work outside the trainer failed. What is not known is this node's own. Pure. */
export function failureOf(error: unknown): Failure {
  const message = errorMessage(error).slice(0, MESSAGE_CHARACTERS);
  if (!isAppError(error)) return { blame: "node", code: "node/internal", message };
  return { blame: blameOf(error.code), code: error.code, message };
}

function blameOf(code: string): Blame {
  if (SERVER_FAULTS.has(code)) return "server";
  return UNDECIDED.has(code) ? "unknown" : "node";
}
