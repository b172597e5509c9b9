/** Caps of the quotes feature, each with its reason. */

/** Largest body of a quote request: a graph of the longest length allowed, in UTF-8, escaped as JSON. */
export const QUOTE_BODY_BYTES: number = 16 * 1024 * 1024;

/** Problems of one graph that an answer lists: two screens of a panel. */
export const MAX_PROBLEMS_LISTED = 50;

/** Memory of a trainer beside the training step's own: runtime, compiled graph, buffers (measured: 150 MB). */
export const RUNTIME_MEMORY_BYTES: number = 200 * 1024 * 1024;

/** Checkpoints of one job: with its changes and segments they fit the chain of one receipt (MAX_CHAIN_ENTRIES). */
export const MAX_CHECKPOINTS = 9_000;
