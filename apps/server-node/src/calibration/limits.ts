/** Caps of calibration, each with its reason. */

/** Rounds of one task: servers ask one at a time, and a curve has a few sizes. */
export const CALIBRATION_ROUNDS = 8;

/** Answers that wait for the stream: one for each unit that a machine may share. */
export const WAITING_ANSWERS = 80;

/** A process that computed a round waits this long for the next of the same challenge, which comes at once on an honest line. */
export const WARM_MS = 5_000;
