/** What one re-run says: bits on the same class, a distance across classes. */
export const RERUN_OUTCOMES = ["agrees", "disagrees", "plausible", "implausible"] as const;
export type RerunOutcome = (typeof RERUN_OUTCOMES)[number];

/** What the re-runs together say. `unverified`: nobody could re-run it, and it says so everywhere. */
export const VERDICTS = ["verified", "plausible", "unverified", "refused"] as const;
export type Verdict = (typeof VERDICTS)[number];
