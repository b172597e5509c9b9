// oxlint-disable-next-line typescript/triple-slash-reference -- a global type cannot be imported, and dependents need it too
/// <reference path="../headers-init.d.ts" preserve="true" />
import { Code } from "@connectrpc/connect";
import type { RetryClass, RpcStatus } from "@cyxwiz/primitives";

const CODE_OF_STATUS: Readonly<Record<RpcStatus, Code>> = {
  "invalid-argument": Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  "permission-denied": Code.PermissionDenied,
  "not-found": Code.NotFound,
  "already-exists": Code.AlreadyExists,
  "failed-precondition": Code.FailedPrecondition,
  "out-of-range": Code.OutOfRange,
  "resource-exhausted": Code.ResourceExhausted,
  aborted: Code.Aborted,
  unimplemented: Code.Unimplemented,
  unavailable: Code.Unavailable,
  "deadline-exceeded": Code.DeadlineExceeded,
  cancelled: Code.Canceled,
  internal: Code.Internal,
};

const STATUS_OF_CODE: ReadonlyMap<number, RpcStatus> = new Map(
  (Object.entries(CODE_OF_STATUS) as [RpcStatus, Code][]).map(([status, code]) => [code, status]),
);

/** The gRPC code number of a status (grpc/status.proto); Connect uses the same numbers. */
export function grpcCode(status: RpcStatus): Code {
  return CODE_OF_STATUS[status];
}

/** The status of a gRPC code. Codes that we never send (UNKNOWN, DATA_LOSS) count as internal. */
export function statusOfGrpcCode(code: number): RpcStatus {
  return STATUS_OF_CODE.get(code) ?? "internal";
}

const PASSING_STATUSES: ReadonlySet<RpcStatus> = new Set([
  "unavailable",
  "resource-exhausted",
  "deadline-exceeded",
  "aborted",
]);

/** Whether a call that failed with a bare status is worth another try. */
export function retryOfStatus(status: RpcStatus): RetryClass {
  return PASSING_STATUSES.has(status) ? "backoff" : "never";
}
