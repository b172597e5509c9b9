/** Caps of the server and why each is what it is. Features keep theirs beside them. */
import { amount, UNITS_PER_TOKEN, type Amount } from "@cyxwiz/primitives";

/** Attempts to start the embedded database: a killed one may still be going, or its port be taken meanwhile. */
export const DATABASE_START_ATTEMPTS = 8;
/** Wait after the first attempt; each later one waits longer, 5 s in all. */
export const DATABASE_START_DELAY_MS = 180;
/** Longest wait for one start: recovery after kill -9 replays at most the log since the last checkpoint. */
export const DATABASE_START_TIMEOUT_SECONDS = 60;
/** Longest clean stop before the error says so. */
export const DATABASE_STOP_TIMEOUT_SECONDS = 30;
/** Looks for other clients before the embedded database is stopped: a second in all, many times what a closed one needs to go. */
export const DATABASE_CLIENTS_LOOKS = 20;
export const DATABASE_CLIENTS_LOOK_MS = 50;
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

/** Rows that an outbox worker claims at once: done one after the other well within the claim. */
export const OUTBOX_BATCH_ROWS = 32;
/** How long a claim keeps others away: longer than a batch of effects with the rail's own time-outs. */
export const OUTBOX_CLAIM_MS = 60_000;
/** Look for due rows without a poke: finds what an earlier process left. */
export const OUTBOX_POLL_MS = 5_000;
export const OUTBOX_FIRST_DELAY_MS = 250;
/** Longest wait between attempts: a rail that is back is noticed within five minutes. */
export const OUTBOX_MAX_DELAY_MS = 300_000;

/** An unused quote's escrow is refunded this long after the quote lapsed: a submit in flight must not race the refund. */
export const ESCROW_LAPSE_GRACE_MS = 60_000;
/** How often lapsed escrows are looked for. */
export const ESCROW_SWEEP_MS = 30_000;
/** Escrows refunded in one sweep; the rest follow in the next. */
export const ESCROW_SWEEP_ROWS = 100;

/** Test tokens a user may take in a day (UTC): a thousand tutorial jobs, yet no flood of postings. */
export const FAUCET_PER_DAY: Amount = amount(10_000n * UNITS_PER_TOKEN);
/** Entries in one page of a wallet's history: a screenful, and what one answer may hold. */
export const DEFAULT_WALLET_PAGE = 50;
export const MAX_WALLET_PAGE = 200;
/** Longest Idempotency-Key: a UUID or a hash, with room. */
export const IDEMPOTENCY_KEY_CHARS = 128;

/** Argon2id, OWASP's first choice: 19 MiB, 2 passes, 1 lane. About 30 ms of one core. */
export const ARGON2_MEMORY_KIB = 19_456;
export const ARGON2_PASSES = 2;
/** Passwords hashed at once: leaves the thread pool's other threads to files and DNS. */
export const ARGON2_AT_ONCE = 2;
/** Logins that wait for a hash: about a second's worth; more are refused at once. */
export const ARGON2_WAITING = 64;

/** Failed logins of an account before it has to wait. */
export const LOGIN_FREE_FAILURES = 5;
/** First wait; doubles with each failure after that. */
export const LOGIN_FIRST_WAIT_MS = 1_000;
/** Longest wait: slows guessing to 12 an hour, while a locked-out owner is back within five minutes. */
export const LOGIN_MAX_WAIT_MS = 300_000;
/** Accounts whose failures are remembered: some MB at most; the oldest is forgotten first. */
export const LOGIN_ACCOUNTS_TRACKED = 10_000;

/** Life of a user's token (documents, security model). */
export const USER_TOKEN_MS = 86_400_000;
/** Life of a node's token (documents, security model). */
export const NODE_TOKEN_MS = 300_000;
/** Verified tokens that are remembered: every node and user of a busy network, in some 5 MB; the first noted goes first. */
export const BELIEVED_TOKENS = 20_000;
/** Longest authorization header that is looked at. */
export const AUTHORIZATION_CHARS = 4_096;

/** Longest database probe of a health check: monitors ask every few seconds. */
export const HEALTH_PROBE_MS = 2_000;

/** Time that calls in progress get when the server stops: more than the 5 s deadline of unary calls. */
export const DRAIN_MS = 8_000;
/** Attempts to become the one server of a database: the one before may still be stopping. */
export const SERVER_LOCK_ATTEMPTS = 15;
export const SERVER_LOCK_RETRY_MS = 200;
