import { AppError, isAppError } from "@cyxwiz/primitives";
import type { RpcStatus } from "@cyxwiz/primitives";
import { PROTOCOL_ERRORS } from "../errors.ts";
import type { ErrorBody } from "../rest/shared-schemas.ts";

interface RestAnswer {
  readonly http: number;
  readonly code: ErrorBody["code"];
}

const REST_OF_STATUS: Readonly<Record<RpcStatus, RestAnswer>> = {
  "invalid-argument": { http: 400, code: "INVALID_REQUEST" },
  "out-of-range": { http: 400, code: "INVALID_REQUEST" },
  unauthenticated: { http: 401, code: "UNAUTHORIZED" },
  "permission-denied": { http: 403, code: "FORBIDDEN" },
  "not-found": { http: 404, code: "NOT_FOUND" },
  "already-exists": { http: 409, code: "CONFLICT" },
  "failed-precondition": { http: 409, code: "CONFLICT" },
  aborted: { http: 409, code: "CONFLICT" },
  "resource-exhausted": { http: 429, code: "RATE_LIMITED" },
  cancelled: { http: 500, code: "SERVER_ERROR" },
  internal: { http: 500, code: "SERVER_ERROR" },
  unimplemented: { http: 501, code: "SERVER_ERROR" },
  unavailable: { http: 503, code: "SERVER_ERROR" },
  "deadline-exceeded": { http: 504, code: "SERVER_ERROR" },
};

/** 422 is reserved for what exceeds a machine's hardware; codes say so by their name, as `market/allocation-exceeded`. */
const ALLOCATION_CODE = /\/allocation-/u;

/**
 * The REST answer to a failure. Context fields of an AppError are in `details` beside the reason; anything that is
 * internal leaves as SERVER_ERROR without detail.
 */
export function toRestError(error: unknown): { readonly status: number; readonly body: ErrorBody } {
  const known = isAppError(error) ? error : new AppError(PROTOCOL_ERRORS.INTERNAL, {}, { cause: error });
  const { http, code } = restAnswer(known);
  if (known.rpc === "internal") {
    return { status: http, body: { error: "internal error", code, details: { reason: known.code } } };
  }
  return {
    status: http,
    body: { error: known.message, code, details: { ...plain(known.context), reason: known.code } },
  };
}

function restAnswer(error: AppError): RestAnswer {
  return ALLOCATION_CODE.test(error.code) ? { http: 422, code: "INVALID_ALLOCATION" } : REST_OF_STATUS[error.rpc];
}

/** JSON has no bigint; money and counts go as decimal strings. */
function plain(context: unknown): Record<string, unknown> {
  if (typeof context !== "object" || context === null) return {};
  return Object.fromEntries(
    Object.entries(context).map(([name, value]) => [name, typeof value === "bigint" ? String(value) : value]),
  );
}
