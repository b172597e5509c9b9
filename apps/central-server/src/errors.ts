import type { ErrorSpec } from "@cyxwiz/primitives";

/** What the server itself refuses: starting, configuration, accounts, REST. Features keep a table of their own. */
export const CENTRAL_ERRORS: {
  readonly DATABASE_UNAVAILABLE: ErrorSpec<{ where: string; detail: string; fix: string }>;
  readonly DATABASE_URL_MALFORMED: ErrorSpec<{ value: string }>;
  readonly DATABASE_RUNTIME_NOT_FOUND: ErrorSpec<{ platform: string }>;
  readonly MIGRATION_MISMATCH: ErrorSpec<{ name: string; detail: string }>;
  readonly ALREADY_RUNNING: ErrorSpec<{ where: string }>;
  readonly TRANSACTION_CONTENDED: ErrorSpec<{ attempts: number }>;
  readonly CONFIG_UNREADABLE: ErrorSpec<{ file: string; detail: string }>;
  readonly CONFIG_MALFORMED: ErrorSpec<{ source: string; key: string; value: string; allowed: string; fix: string }>;
  readonly ADDRESS_UNAVAILABLE: ErrorSpec<{ key: string; address: string; detail: string }>;
  readonly UNAUTHENTICATED: ErrorSpec<{ why: string; fix: string }>;
  readonly CREDENTIALS_REFUSED: ErrorSpec<Record<never, never>>;
  readonly LOGIN_RATE_EXCEEDED: ErrorSpec<{ retryAfterSeconds: number }>;
  readonly LOGIN_CAPACITY_EXCEEDED: ErrorSpec<{ waiting: number }>;
  readonly ACCOUNT_TAKEN: ErrorSpec<{ field: "email" | "username"; value: string }>;
  readonly USER_ONLY: ErrorSpec<{ route: string }>;
  readonly NODE_ONLY: ErrorSpec<{ route: string }>;
  readonly ADMIN_ONLY: ErrorSpec<{ route: string }>;
  readonly FAUCET_CLOSED: ErrorSpec<Record<never, never>>;
  readonly FAUCET_LIMIT_EXCEEDED: ErrorSpec<{ asked: string; left: string; limit: string }>;
  readonly HEADER_MALFORMED: ErrorSpec<{ header: string; value: string; allowed: string }>;
  readonly REQUEST_MALFORMED: ErrorSpec<{ problems: readonly string[] }>;
  readonly BODY_SIZE_EXCEEDED: ErrorSpec<{ allowedBytes: number }>;
  readonly ROUTE_NOT_FOUND: ErrorSpec<{ method: string; path: string }>;
  readonly METHOD_UNSUPPORTED: ErrorSpec<{ method: string; path: string; allowed: readonly string[] }>;
  readonly CURSOR_MALFORMED: ErrorSpec<{ value: string }>;
  readonly OUTBOX_KIND_NOT_FOUND: ErrorSpec<{ kind: string; known: readonly string[] }>;
} = {
  DATABASE_UNAVAILABLE: {
    code: "central/database-unavailable",
    rpc: "unavailable",
    retry: "backoff",
    message: (c) => `the database at ${c.where} is not available: ${c.detail}. ${c.fix}`,
  },
  DATABASE_URL_MALFORMED: {
    code: "central/database-url-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `[database] url = "${c.value}" is not understood: allowed are "embedded:FOLDER" and "postgresql://user:password@host:port/name"`,
  },
  DATABASE_RUNTIME_NOT_FOUND: {
    code: "central/database-runtime-not-found",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `there is no embedded PostgreSQL for ${c.platform} in node_modules: run npm install without --omit=optional, or set [database] url to a PostgreSQL 15 or newer`,
  },
  MIGRATION_MISMATCH: {
    code: "central/migration-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the database does not fit this server at migration ${c.name}: ${c.detail}. Run the version that made the database, or start on an empty one`,
  },
  ALREADY_RUNNING: {
    code: "central/already-running",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `another Central Server already works on the database at ${c.where}: stop it first`,
  },
  TRANSACTION_CONTENDED: {
    code: "central/transaction-contended",
    rpc: "aborted",
    retry: "backoff",
    message: (c) => `the change met others at the same rows ${c.attempts} times in a row: try again`,
  },
  CONFIG_UNREADABLE: {
    code: "central/config-unreadable",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the configuration ${c.file} cannot be read: ${c.detail}`,
  },
  CONFIG_MALFORMED: {
    code: "central/config-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.source}: ${c.key} = ${c.value} is not allowed: expected ${c.allowed}. ${c.fix}`,
  },
  ADDRESS_UNAVAILABLE: {
    code: "central/address-unavailable",
    rpc: "unavailable",
    retry: "never",
    message: (c) =>
      `${c.key} = "${c.address}" cannot be opened: ${c.detail}. Choose another port (0 picks a free one) or stop what uses it`,
  },
  UNAUTHENTICATED: {
    code: "central/unauthenticated",
    rpc: "unauthenticated",
    retry: "never",
    message: (c) => `the bearer token is ${c.why}: ${c.fix}`,
  },
  CREDENTIALS_REFUSED: {
    code: "central/credentials-refused",
    rpc: "unauthenticated",
    retry: "never",
    message: () => "email, username or password is wrong: check all of them, or register first",
  },
  LOGIN_RATE_EXCEEDED: {
    code: "central/login-rate-exceeded",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) => `too many failed logins for this account: try again in ${c.retryAfterSeconds} s`,
  },
  LOGIN_CAPACITY_EXCEEDED: {
    code: "central/login-capacity-exceeded",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) => `${c.waiting} logins are already waiting: try again in a few seconds`,
  },
  ACCOUNT_TAKEN: {
    code: "central/account-taken",
    rpc: "already-exists",
    retry: "never",
    message: (c) => `the ${c.field} "${c.value}" already has an account: log in, or choose another ${c.field}`,
  },
  USER_ONLY: {
    code: "central/user-only",
    rpc: "permission-denied",
    retry: "never",
    message: (c) => `${c.route} is for users: a node's token or key does not open it, log in and send the user's token`,
  },
  NODE_ONLY: {
    code: "central/node-only",
    rpc: "permission-denied",
    retry: "never",
    message: (c) => `${c.route} is for nodes: send the node's token or API key, not a user's token`,
  },
  ADMIN_ONLY: {
    code: "central/admin-only",
    rpc: "permission-denied",
    retry: "never",
    message: (c) => `${c.route} is for administrators of this server`,
  },
  FAUCET_CLOSED: {
    code: "central/faucet-closed",
    rpc: "permission-denied",
    retry: "never",
    message: () => "this server hands out no test tokens: its operator opens the faucet with [payments] faucet = true",
  },
  FAUCET_LIMIT_EXCEEDED: {
    code: "central/faucet-limit-exceeded",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) =>
      `the faucet gives ${c.limit} CYXWIZ a day and user: ${c.asked} were asked for, ${c.left} are left today`,
  },
  HEADER_MALFORMED: {
    code: "central/header-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the header ${c.header} is "${c.value}": expected ${c.allowed}`,
  },
  REQUEST_MALFORMED: {
    code: "central/request-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => c.problems.join("; "),
  },
  BODY_SIZE_EXCEEDED: {
    code: "central/body-size-exceeded",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the body is over the ${c.allowedBytes} bytes allowed here: send large data as an object`,
  },
  ROUTE_NOT_FOUND: {
    code: "central/route-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `there is no ${c.method} ${c.path}: /api/openapi.json lists what there is`,
  },
  METHOD_UNSUPPORTED: {
    code: "central/method-unsupported",
    rpc: "unimplemented",
    retry: "never",
    message: (c) => `${c.path} takes no ${c.method}: allowed is ${c.allowed.join(", ")}`,
  },
  CURSOR_MALFORMED: {
    code: "central/cursor-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the cursor "${c.value}" is not one of ours: send next_cursor of the page before, or none`,
  },
  OUTBOX_KIND_NOT_FOUND: {
    code: "central/outbox-kind-not-found",
    rpc: "internal",
    retry: "backoff",
    message: (c) =>
      `the outbox holds a row of kind "${c.kind}", known are ${c.known.join(", ")}: run the version that wrote it`,
  },
};
