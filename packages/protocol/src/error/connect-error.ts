/**
 * The one mapping between AppError and what a failed call carries over the wire.
 *
 * An AppError travels as a gRPC status, its message, and an `AppErrorDetail` in the status details, so that the
 * caller gets the same code, context and retry class back. Anything else leaves as `internal` without detail: a
 * stranger learns nothing from our bugs. `ConnectError` is the carrier because it already knows how to be written as
 * gRPC trailers, gRPC-Web trailers and Connect JSON.
 */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { AppError, isAppError } from "@cyxwiz/primitives";
import type { RetryClass, RpcStatus } from "@cyxwiz/primitives";
import { PROTOCOL_ERRORS } from "../errors.ts";
import { AppErrorDetailSchema } from "../gen/cyxwiz/protocol/app_error_pb.ts";
import { ERROR_CONTEXT_BYTES, ERROR_MESSAGE_CHARS } from "../limits.ts";
import { grpcCode, retryOfStatus, statusOfGrpcCode } from "./grpc-status.ts";

const RETRY_CLASSES: readonly string[] = ["never", "now", "backoff"] satisfies readonly RetryClass[];

/**
 * What the caller may know of a failure. An AppError that is `internal` keeps its code and loses message and context;
 * an error of the RPC library itself passes as it is; anything else becomes `protocol/internal`. The request id, where
 * given, stands in the message of an internal error, so that its log line can be found.
 */
export function toConnectError(error: unknown, requestId?: string): ConnectError {
  if (error instanceof ConnectError && !isAppError(error.cause)) return error;
  const known = isAppError(error) ? error : new AppError(PROTOCOL_ERRORS.INTERNAL, {}, { cause: error });
  const isInternal = known.rpc === "internal";
  const message = isInternal ? internalMessage(requestId) : known.message.slice(0, ERROR_MESSAGE_CHARS);
  const detail = {
    code: known.code,
    contextJson: isInternal ? "" : contextJson(known.context),
    retry: known.retry,
  };
  return new ConnectError(message, grpcCode(known.rpc), undefined, [{ desc: AppErrorDetailSchema, value: detail }]);
}

/**
 * The AppError that a call failed with: the server's own where it sent one, else `protocol/call-failed` with the
 * status. The code comes from the far side; compare it, never run by it.
 */
export function fromCallFailure(error: unknown): AppError {
  if (isAppError(error)) return error;
  const failure = ConnectError.from(error);
  const status = isConnectionLoss(failure) ? "unavailable" : statusOfGrpcCode(failure.code);
  const detail = failure.findDetails(AppErrorDetailSchema)[0] ?? create(AppErrorDetailSchema);
  if (detail.code === "") {
    const context = { status, message: failure.rawMessage };
    return new AppError({ ...PROTOCOL_ERRORS.CALL_FAILED, rpc: status, retry: retryOfStatus(status) }, context, {
      cause: error,
    });
  }
  return new AppError(
    { code: detail.code, rpc: status, retry: retryClass(detail.retry, status), message: () => failure.rawMessage },
    parseContext(detail.contextJson),
    { cause: error },
  );
}

/**
 * A connection that breaks under a call surfaces as an HTTP/2 error or as whatever `fetch` throws, which Connect files
 * under INTERNAL and UNKNOWN. Nothing came from a server then, so the call may be tried again elsewhere or later.
 */
function isConnectionLoss(failure: ConnectError): boolean {
  if (failure.isWireError) return false;
  const { cause } = failure;
  const systemCode = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  return failure.code === Code.Unknown || (failure.code === Code.Internal && systemCode.startsWith("ERR_HTTP2_"));
}

function internalMessage(requestId: string | undefined): string {
  return requestId === undefined ? "internal error" : `internal error; request ${requestId}`;
}

function contextJson(context: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(context, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  } catch {
    // A context that JSON cannot hold (a cycle) is left out: the failure itself must still reach the caller.
    return "";
  }
  return json === undefined || new TextEncoder().encode(json).length > ERROR_CONTEXT_BYTES ? "" : json;
}

function parseContext(json: string): unknown {
  try {
    return json === "" ? {} : JSON.parse(json);
  } catch {
    return {};
  }
}

function retryClass(text: string, status: RpcStatus): RetryClass {
  return RETRY_CLASSES.includes(text) ? (text as RetryClass) : retryOfStatus(status);
}
