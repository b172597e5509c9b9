/** Caps and periods of the machines feature, each with its reason. */

/** How often heartbeats kept in memory are written: one statement a second for all nodes, and a crash loses a second. */
export const HEARTBEAT_FLUSH_MS = 1_000;

/** How often silent nodes are looked for; offline is recorded at most this much late. */
export const PRESENCE_SWEEP_MS = 1_000;

/** How often nodes that have been silent for days are looked for: the wait is counted in days. */
export const INACTIVE_SWEEP_MS = 60_000;

/** An OFFLINE node becomes INACTIVE after this long, and must prove itself again by registering. */
export const INACTIVE_AFTER_MS: number = 7 * 24 * 3_600 * 1_000;

/** Nodes in one answer of the public list: ten screens of a dashboard. */
export const MAX_NODES_LISTED = 500;

/** Nodes on one page of the list that programs ask for. */
export const DEFAULT_NODES_PAGE = 50;
export const MAX_NODES_PAGE = 200;

/** Oldest list of nodes that is shown: presence itself is looked at once a second. */
export const NODE_LIST_AGE_MS = 1_000;

/** Pages of one list that are kept: every page of some filters; at 100 KB each they stay under 10 MB. */
export const NODE_LIST_PAGES = 64;

/** Memory that the system keeps of a GPU when its owner did not say. */
export const DEFAULT_VRAM_RESERVED_MB = 2_048;
