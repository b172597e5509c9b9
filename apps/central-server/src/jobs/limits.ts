import { amount, UNITS_PER_TOKEN, type Amount } from "@cyxwiz/primitives";

/** Caps and periods of jobs and their assignments, each with its reason. */

/** A job is given to another node this often after its first; then it is FAILED by nodes (design, "Penalties"). */
export const MAX_RETRIES = 3;

/** How often progress kept in memory is written: a crash loses a second of it. */
export const PROGRESS_FLUSH_MS = 1_000;

/** Points of one loss curve: more than a plot has pixels across. */
export const MAX_LOSS_POINTS = 1_000;

/** Shortest time between two updates of one StreamJobUpdates: ten a second is smooth. */
export const JOB_UPDATE_INTERVAL_MS = 100;

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
