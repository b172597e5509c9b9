/** How long the market's programs may take to start: a first start unpacks a database on a busy machine. */
export const START_TIMEOUT_MS = 60_000;
/** How long they may take to end by themselves before they are killed: a node may have to write a checkpoint. */
export const STOP_TIMEOUT_MS = 15_000;
/** Between two looks at a job: often enough to feel live, rare enough for hundreds of watchers. */
export const WATCH_INTERVAL_MS = 200;
/** Failed looks in a row before a watcher gives up: five minutes, in which a server restarts or a laptop finds its network. */
export const WATCH_ATTEMPTS = 1_500;
/** Lines of a program's log that an error shows. */
export const LOG_TAIL_LINES = 15;
