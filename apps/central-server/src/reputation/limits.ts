/** Caps of reputation, each with its reason. */

/** How far back misconduct counts towards a ban: the longest window of market's penalty rules. */
export const PENALTY_HISTORY_MS: number = 30 * 86_400_000;

/** Changes and penalties that one answer shows, the newest of each. */
export const MAX_CHANGES_SHOWN = 100;
