/** Every cap of the market, with its reason. */

/** Units in one snapshot: 10,000 nodes of up to 20 devices. Bounds a plan's memory to some tens of megabytes. */
export const MAX_SNAPSHOT_UNITS = 200_000;

/** Jobs in one plan, so that a round stays within a few seconds. A longer queue is given in parts, longest waiting first. */
export const MAX_QUEUED_JOBS = 200_000;

/** Runners-up named with a placement: enough to see how close it was, few enough to search for. */
export const MAX_RUNNERS_UP = 2;

/** Other units named with a quote: one screen of choices. */
export const MAX_ALTERNATIVES = 10;

/** Units that a quote lists as unfit one by one; the counts per filter are always complete. */
export const MAX_UNFIT_LISTED = 100;

/** Entries in one page of an account's history. */
export const MAX_HISTORY_PAGE = 200;

/** Priorities count from −10 to 10: more than 100 minutes of head start cannot be had, so nobody waits longer for it. */
export const MAX_PRIORITY = 10;
