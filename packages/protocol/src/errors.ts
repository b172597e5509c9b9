import type { ErrorSpec } from "@cyxwiz/primitives";

export const PROTOCOL_ERRORS: {
  readonly METHOD_UNIMPLEMENTED: ErrorSpec<{ method: string }>;
  readonly MESSAGE_MALFORMED: ErrorSpec<{ method: string; message: string; reason: string }>;
  readonly MESSAGE_SIZE_EXCEEDED: ErrorSpec<{ method: string; sizeBytes: number; allowedBytes: number }>;
  readonly CALLS_EXCEEDED: ErrorSpec<{ allowed: number }>;
  readonly CALL_CANCELLED: ErrorSpec<{ method: string }>;
  readonly CALL_FAILED: ErrorSpec<{ status: string; message: string }>;
  readonly INTERNAL: ErrorSpec<Record<string, never>>;
  readonly LISTEN_FAILED: ErrorSpec<{ address: string; reason: string }>;
} = {
  METHOD_UNIMPLEMENTED: {
    code: "protocol/method-unimplemented",
    rpc: "unimplemented",
    retry: "never",
    message: (c) => `${c.method} is not implemented by this server`,
  },
  MESSAGE_MALFORMED: {
    code: "protocol/message-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the message sent to ${c.method} is not a ${c.message}: ${c.reason}`,
  },
  MESSAGE_SIZE_EXCEEDED: {
    code: "protocol/message-size-exceeded",
    rpc: "resource-exhausted",
    retry: "never",
    message: (c) => `a message of ${c.sizeBytes} bytes was sent to ${c.method}, which allows ${c.allowedBytes} bytes`,
  },
  CALLS_EXCEEDED: {
    code: "protocol/calls-exceeded",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) => `the server has its ${c.allowed} calls in progress: try again in a moment`,
  },
  CALL_CANCELLED: {
    code: "protocol/call-cancelled",
    rpc: "cancelled",
    retry: "never",
    message: (c) => `the call of ${c.method} was cancelled`,
  },
  /** A call failed and the far side gave no code of ours: an older server, a proxy, or no connection at all. */
  CALL_FAILED: {
    code: "protocol/call-failed",
    rpc: "unavailable",
    retry: "backoff",
    message: (c) => `the call failed with ${c.status}: ${c.message}`,
  },
  INTERNAL: {
    code: "protocol/internal",
    rpc: "internal",
    retry: "never",
    message: () => "internal error",
  },
  LISTEN_FAILED: {
    code: "protocol/listen-failed",
    rpc: "unavailable",
    retry: "never",
    message: (c) =>
      `the gRPC server cannot listen on ${c.address}: ${c.reason}; choose another address or free this one`,
  },
};
