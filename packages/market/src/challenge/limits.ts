/** Caps and periods of challenges, each with its reason. */

/** Rows of the largest matrix: a row's packed sums stay exact in the check, and an answer is 4 MiB. */
export const MAX_CHAIN_SIZE = 2_048;

/** Elements that the server multiplies to check one round: about a tenth of a second of one core, in small pieces. */
export const CHECKED_ELEMENTS: number = 32 * 1024 * 1024;

/** Seconds at the expected speed of a plan's three rounds, the smallest matrices first: 1.75 s of the unit's time. */
export const ROUND_SECONDS: readonly number[] = [0.25, 0.5, 1];

/** A curve's last size is the largest one of which this many products fit its round: fewer measure a start, not a speed. */
export const LEAST_PRODUCTS = 8;

/** A unit that claims less than a slow telephone is measured as if it claimed that: a size below 64 measures nothing. */
export const LEAST_SPEED = 1e8;

/** Of a unit's memory, what a round may take. */
export const MEMORY_SHARE = 0.25;

/** From hand-out to answer. Rounds take seconds even on a unit a hundred times slower than it claims. */
export const ANSWER_SECONDS = 60;

/** A fall from the best peak by less than this is noise: other programs, heat, the network. */
export const TOLERATED_FALL = 0.25;

/** Mean time between a unit's challenges. Exponential, so that the time since the last one says nothing of the next. */
export const MEAN_INTERVAL_MS: number = 6 * 3_600_000;

/** After a fall: a unit that was only disturbed is measured again before it loses much. */
export const MEAN_AFTER_FALL_MS: number = 30 * 60_000;

/** A unit with company (others that may be the same device) is asked again, with them, this soon after its first. */
export const COMPANY_AFTER_MS = 60_000;

/** How long a unit's device must have been idle, so that a start or a row of short jobs is not measured. */
export const IDLE_MS = 3_000;

/** A busy unit is asked again after this, and ever more seldom up to the longest wait. */
export const BUSY_RETRY_MS = 30_000;

/** As for a busy one, after a wrong, late or missing answer. */
export const FAILED_RETRY_MS = 60_000;

/** The longest of these waits. */
export const LONGEST_RETRY_MS: number = 3_600_000;

/** A registration that changes nothing brings no new challenge this soon after the last: registering must not cost the server. */
export const REGISTRATION_PAUSE_MS = 600_000;

/** Late, missing or refused answers in a row that make a unit broken: one may be a lost connection. */
export const MISSES_ALLOWED = 3;

/** Units asked in the same moment: the answers of a round are held together, 4 MiB each at most. */
export const MAX_TOGETHER = 16;
