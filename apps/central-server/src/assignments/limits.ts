/** Caps and periods of assignments, each with its reason. */

/** A lease runs out after three missed beats of 10 s. */
export const LEASE_MS = 30_000;

/** How often expired leases are looked for; a lost node is noticed at most this much late. */
export const LEASE_SWEEP_MS = 1_000;

/** Messages that wait for one node's stream. A node that reads none of them is not there: its stream is closed. */
export const STREAM_QUEUE = 256;

/** How often one assignment is handed again to a node that came back without it: a crash on every start must end. */
export const MAX_RESENDS = 3;

/** How long a drained node waits before it opens its stream again. */
export const RECONNECT_AFTER_MS = 1_000;

/** Characters of a build's or hardware class's name, as registrations allow. */
export const MAX_ABILITY_TEXT = 200;
