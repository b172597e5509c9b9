import { errorMessage, isAppError, printable } from "@cyxwiz/primitives";
import type { TrainingEvent } from "@cyxwiz/backend";
import type { Blame, ReportBody } from "../central/messages.ts";
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
]);
/** The dataset is not what its user described: the bytes were checked, so nobody else can have changed them. */
const JOB_FAULTS: ReadonlySet<string> = new Set([NODE_ERRORS.STEPS_MISMATCH.code]);

/** Whose fault it is that work outside the trainer failed. What is not known is this node's own. Pure. */
export function failureOf(error: unknown): Failure {
  const message = publicMessage(errorMessage(error));
  if (!isAppError(error)) return { blame: "node", code: "node/internal", message };
  return { blame: blameOf(error.code), code: error.code, message };
}

/** The last report of work whose trainer said why it failed. Pure. */
export function trainerFailure({ blame, code, message, step }: Extract<TrainingEvent, { kind: "failed" }>): ReportBody {
  return { kind: "failed", blame, code, message: publicMessage(message), step };
}

/** What went wrong, for strangers: without this computer's folders and without control characters. Pure. */
export function publicMessage(message: string): string {
  return printable(message.replaceAll(PATHS, "$1")).slice(0, MESSAGE_CHARACTERS);
}

/** An absolute path of two or more folders; its last part stays. What follows a word, like a host, is a route and stays. */
const PATHS = /(?<!\w)(?:[A-Za-z]:)?(?:[\\/][^\\/\s"':]+)+[\\/]([^\\/\s"':]+)/g;

function blameOf(code: string): Blame {
  if (JOB_FAULTS.has(code)) return "job";
  if (SERVER_FAULTS.has(code)) return "server";
  return UNDECIDED.has(code) ? "unknown" : "node";
}
