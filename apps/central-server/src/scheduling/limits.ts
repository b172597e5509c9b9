/** Caps of the scheduler, each with its reason. */

/** Jobs looked at in one pass, in the queue's order by age; the rest come in the next pass, which follows at once. */
export const JOBS_PER_PASS = 1_000;

/** Jobs whose deadline for handing over a cancelled model is looked at in one sweep. */
export const CANCELS_PER_SWEEP = 100;

/** Expired leases handled in one sweep; the next follows a second later. */
export const LEASES_PER_SWEEP = 500;
