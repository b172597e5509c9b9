/**
 * The one error class of the project.
 *
 * Every package keeps a table of `ErrorSpec`s in its `errors.ts`; a failure is `new AppError(TABLE.ENTRY, context)`.
 * The context is typed by the entry, so an error can be shown, logged and tested without parsing its message.
 * Expected refusals are data, not errors; a broken promise of our own is `assert`.
 */

/** gRPC status names (grpc/status.proto), which also decide the HTTP status. */
export type RpcStatus =
  | "invalid-argument"
  | "unauthenticated"
  | "permission-denied"
  | "not-found"
  | "already-exists"
  | "failed-precondition"
  | "out-of-range"
  | "resource-exhausted"
  | "aborted"
  | "unimplemented"
  | "unavailable"
  | "deadline-exceeded"
  | "cancelled"
  | "internal";

/** Whether the same call may succeed later: never, at once, or after waiting. */
export type RetryClass = "never" | "now" | "backoff";

/** One row of a package's error table. `code` is `area/what-failed`, append-only and never reused. */
export interface ErrorSpec<Context> {
  readonly code: string;
  readonly rpc: RpcStatus;
  readonly retry: RetryClass;
  readonly message: (context: Context) => string;
}

/** A failure with a stable code and typed context. The message says what, where, what was allowed and what to do. */
export class AppError<Context = unknown> extends Error {
  readonly code: string;
  readonly rpc: RpcStatus;
  readonly retry: RetryClass;
  readonly context: Context;

  constructor(spec: ErrorSpec<Context>, context: Context, options: { readonly cause?: unknown } = {}) {
    super(spec.message(context), options);
    this.name = "AppError";
    this.code = spec.code;
    this.rpc = spec.rpc;
    this.retry = spec.retry;
    this.context = context;
  }
}

/** True for any AppError, also one made by another copy of this package (the check is by shape, not `instanceof`). */
export function isAppError(error: unknown): error is AppError {
  return typeof error === "object" && error !== null && "name" in error && error.name === "AppError" && "code" in error;
}

/** Narrows an unknown error to the context of one table entry, by code. */
export function isError<Context>(error: unknown, spec: ErrorSpec<Context>): error is AppError<Context> {
  return isAppError(error) && error.code === spec.code;
}

/** The message of anything thrown. Never throws itself. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
