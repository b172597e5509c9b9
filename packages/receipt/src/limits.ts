/** Every cap of the receipt, with its reason. */

/** Levels of nesting in canonical JSON: a receipt has five; deeper input would only exhaust the stack. */
export const MAX_JSON_DEPTH = 64;

/** A re-run costs at most one part in this many of a job's steps, or one checkpoint interval: 2 %. */
export const RERUN_DIVISOR = 50;

/**
 * Owners who re-run one interval: of three trusted ones two always say the same, which decides; two more leave room for
 * answers of owners who are not trusted yet.
 */
export const MAX_RERUNS = 5;

/**
 * Entries of a chain. A market takes some hundred checkpoints a job; a user may ask for more, and this many still make a
 * receipt of a few megabytes that a browser checks in a second.
 */
export const MAX_CHAIN_ENTRIES = 10_000;

/** Characters of a receipt's text: the longest chain, indented, at less than 400 characters an entry, with the rest. */
export const MAX_RECEIPT_CHARS = 8_000_000;

/** Owner shares of a receipt: one for each attempt that committed something is already rare. */
export const MAX_RECEIPT_SHARES = 1_000;

/** Re-runs of a receipt: `MAX_RERUNS` owners, and the answers of theirs that did not count. */
export const MAX_RECEIPT_RERUNS = 16;

/** Characters of a free text of a receipt, like a job's name or a build. */
export const MAX_RECEIPT_TEXT = 1_000;

/** Characters of a refused value that an error shows. */
export const SHOWN_VALUE_CHARS = 60;

/**
 * Largest distance of two ends, as a part of the interval's update ‖claim − start‖, that is still plausible across
 * classes. Honest runs on two builds drift apart, more over long intervals and at high rates: on digits networks 5e-4 at
 * most over 20 steps, 0.43 over 200 at the worst rate tried. Work that was not done at all is at 1 or more. Half-done work
 * can lie below this: it pays, which is why such a verdict is only "plausible", and why bits are compared where they can be.
 */
export const PLAUSIBLE_DISTANCE = 0.5;
