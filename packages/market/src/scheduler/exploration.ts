/**
 * The share of the work that new nodes get, so that a node without a record can make one.
 *
 * Which jobs these are is a function of the job's id alone: the same job is one in every round and on every replica, and
 * a plan stays a function of its input.
 */
import type { JobId } from "@cyxwiz/primitives";

/** One job in this many looks for a new node first. */
export const EXPLORATION_DIVISOR = 10;

/** Whether a job looks for a new node first. Pure. */
export function isExplorationJob(jobId: JobId): boolean {
  return fnv1a(jobId) % EXPLORATION_DIVISOR === 0;
}

/**
 * FNV-1a, 32 bits, over the bytes of ASCII text.
 * @see https://datatracker.ietf.org/doc/html/rfc9923
 */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
