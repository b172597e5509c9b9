/** Periods and caps of the challenges feature, each with its reason. */

/** How often it is looked whose challenge is due. A unit has to be idle for longer than that anyway. */
export const CHALLENGE_PASS_MS = 2_000;

/** A due unit whose device has work is looked at again after this. */
export const WORKING_RETRY_MS = 15_000;

/** A due unit whose node is away is looked at again after this, and ever more seldom up to `AWAY_LONGEST_MS`. */
export const AWAY_RETRY_MS = 4_000;
export const AWAY_LONGEST_MS = 600_000;

/** Units challenged at the same time on the whole network: their answers are in memory, and each costs half a second of checks. */
export const UNITS_AT_ONCE = 64;

/** Characters of what a node says about why it cannot compute, as they are shown to its owner. */
export const REASON_CHARACTERS = 300;
