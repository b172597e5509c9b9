import { amount, UNITS_PER_TOKEN, type Amount } from "@cyxwiz/primitives";

/** Caps and periods of jobs and their assignments, each with its reason. */

/** A job is given to another node this often after its first; then it is FAILED by nodes (design, "Penalties"). */
export const MAX_RETRIES = 3;

/** Submissions that share a transaction: at 64 its fixed costs are a few percent of each, and it takes some 20 ms. */
export const SUBMISSIONS_PER_BATCH = 64;

/** Submissions that wait for the transaction before them: a second's worth of a small server; more are refused at once. */
export const MAX_SUBMISSIONS_WAITING = 1_024;

/** How often progress kept in memory is written: a crash loses a second of it. */
export const PROGRESS_FLUSH_MS = 1_000;

/** Points of one loss curve: more than a plot has pixels across. */
export const MAX_LOSS_POINTS = 1_000;

/** Shortest time between two updates of one StreamJobUpdates: ten a second is smooth. */
export const JOB_UPDATE_INTERVAL_MS = 100;

/** Jobs whose status is kept for the next who asks: as many as clients watch at once; some 20 MB. */
export const JOB_STATUSES_KEPT = 2_000;

/** Oldest status that is kept, for the rare change that nobody could be told of: one look of a person. */
export const JOB_STATUS_AGE_MS = 5_000;

/** Jobs on one page. */
export const DEFAULT_JOBS_PAGE = 20;
export const MAX_JOBS_PAGE = 100;

/** Events of a job that one answer shows, the newest: a job that is requeued three times has under thirty. */
export const MAX_EVENTS_SHOWN = 200;

/** Checkpoints of a job that one answer shows, the newest. */
export const MAX_CHECKPOINTS_SHOWN = 100;

/** How long a node may take to hand over the model of a cancelled job before the job ends without it. */
export const CANCEL_GRACE_MS = 60_000;

/** Metrics that one result may carry. */
export const MAX_METRICS = 64;

/** What a client without a quote pays at most when it names no ceiling: a hundred tutorial jobs. */
export const DEFAULT_PRICE_LIMIT: Amount = amount(100n * UNITS_PER_TOKEN);

/** Text that a node sends along with a failure, kept up to this length. */
export const MAX_REPORT_TEXT = 1_000;

/** Changes by the user to one job: more than a person makes by hand, few enough for a receipt that is read. */
export const MAX_CHANGES = 200;
