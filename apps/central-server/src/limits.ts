/** Caps of the server and why each is what it is. Features keep theirs beside them. */

/** Attempts to start the embedded database: a port may be taken between choosing and opening it. */
export const DATABASE_START_ATTEMPTS = 5;
/** Longest wait for one start: recovery after kill -9 replays at most the log since the last checkpoint. */
export const DATABASE_START_TIMEOUT_SECONDS = 60;
/** Longest clean stop before the error says so. */
export const DATABASE_STOP_TIMEOUT_SECONDS = 30;
/** Longest connect: a wrong host must fail a start, not hang it. */
export const DATABASE_CONNECT_TIMEOUT_MS = 5_000;
/** Longest statement: everything the server runs is indexed; what takes longer is a mistake that must not pile up. */
export const STATEMENT_TIMEOUT_MS = 30_000;
/** Longest wait for a row or advisory lock: shorter than a statement, so that the cause is named. */
export const LOCK_TIMEOUT_MS = 10_000;
/** A transaction whose process went silent must not hold its locks. */
export const IDLE_TRANSACTION_TIMEOUT_MS = 30_000;
/** Attempts of a transaction that deadlocked or could not be serialized. */
export const TRANSACTION_ATTEMPTS = 5;
export const TRANSACTION_FIRST_DELAY_MS = 5;
export const TRANSACTION_MAX_DELAY_MS = 200;

/** Largest JSON body: the largest graph file allowed, with room. Objects stream past this on their own routes. */
export const JSON_BODY_BYTES = 1_048_576;
/** Longest time to receive a whole request: an object of 2 GB on a 20 Mbit/s line. */
export const REQUEST_TIMEOUT_MS = 900_000;
/** Longest time to receive a request's headers: ends slow-header floods. */
export const HEADERS_TIMEOUT_MS = 20_000;
/** Idle keep-alive: longer than the 60 s of common proxies, so that they close first. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** Bytes of all headers of a request: a token of 24 h is under 1 KB. */
export const HEADER_BYTES = 16_384;
/** Open connections on the REST port: some tens of KB each, so a flood stays under 200 MB. */
export const REST_CONNECTIONS = 4_096;
/** Longest path parameter: a CID or a unit id, with room. */
export const PATH_PARAMETER_CHARS = 160;
/** Problems named in one answer to a malformed request. */
export const PROBLEMS_NAMED = 8;
/** Characters of a refused value that its answer shows. */
export const SHOWN_VALUE_CHARS = 60;
