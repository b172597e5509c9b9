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
/** A file with a market's public keys: a few hundred bytes each. */
export const MAX_KEY_FILE_BYTES = 1_000_000;
/** Files that a search by content looks at: a results folder has tens; a wrong folder must not be read for hours. */
export const MAX_SEARCHED_FILES = 1_000;
/** Bytes that a search by content reads in all: seconds per gigabyte, so a minute or two at most. */
export const MAX_SEARCHED_BYTES = 32e9;
/** Folders below the one that is searched: `results/job/` is one. */
export const MAX_SEARCH_DEPTH = 3;
/** Names that a warning lists: enough to find them; the rest is counted. */
export const MAX_LISTED_MODELS = 5;
/** A receipt's file. Its reader takes 8 million characters; a few of them may be of more than one byte. */
export const MAX_RECEIPT_BYTES = 16_000_000;
