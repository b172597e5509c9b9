/** Caps of the scheduler, each with its reason. */

/** Jobs looked at in one pass, in the queue's order by age; the rest come in the next pass, which follows at once. */
export const JOBS_PER_PASS = 1_000;

/**
 * Least time from a pass that left jobs waiting to the next: reading the fleet and the queue costs some milliseconds, so
 * passes take a few percent of a core under load, and a unit that is free again waits a tenth of a second at most.
 */
export const WAITING_PAUSE_MS = 100;

/** Jobs whose deadline for handing over a cancelled model is looked at in one sweep. */
export const CANCELS_PER_SWEEP = 100;

/** Expired leases handled in one sweep; the next follows a second later. */
export const LEASES_PER_SWEEP = 500;

/** How often waiting jobs are held against their deadlines, which are days away. */
export const DEADLINE_SWEEP_MS = 60_000;

/** Beside its time and retries a job may wait this long for a node: a weekend and its Monday. */
export const DEADLINE_WINDOW_MS: number = 3 * 24 * 3_600 * 1_000;

/** Jobs refunded in one sweep; the rest follow in the next. */
export const DEADLINES_PER_SWEEP = 100;
