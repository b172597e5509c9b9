/** Caps and periods of verification, each with its reason. */

/** Verifications that one pass looks for verifiers for; the next follows at once. */
export const VERIFICATIONS_PER_PASS = 100;

/** Attempts at re-running one interval, those that ended without an answer included: a job must not wait for ever. */
export const MAX_RERUN_ATTEMPTS = 10;

/**
 * Of the answers that are heard, those that only trusted nodes can give: with two of them, five answers always decide. Else
 * as many new accounts as answers are heard could speak first, and nobody whose word decides would be heard after them.
 */
export const TRUSTED_RERUNS = 2;

/** How long a job whose attempt was lost waits for a verifier before it goes on unchecked: resuming must not take long. */
export const HANDOVER_WAIT_MS = 60_000;

/** Known computations that canaries are drawn from, the newest: enough that no node meets one often. */
export const MAX_CANARIES = 1_000;

/** A checkpoint may be this much larger than computed from the graph: names, shapes and metadata of a safetensors file. */
export const CHECKPOINT_OVERHEAD_BYTES = 1_048_576n;
