import type { ContextValues } from "@connectrpc/connect";
import type { RpcStatus } from "@cyxwiz/primitives";

/** What a handler knows of its call, the same over gRPC, gRPC-Web and Connect. */
export interface RpcContext {
  /** Full name, as "cyxwiz.protocol.JobService/SubmitJob". */
  readonly method: string;
  /** Request metadata; names are lower case. */
  readonly metadata: RpcMetadata;
  /** "address:port" of the connection's far end (IPv6 in brackets); empty where the adapter does not know it. */
  readonly peer: string;
  /** Aborts when the caller goes away, cancels, or its deadline passes. Never aborts after the call has ended well. */
  readonly signal: AbortSignal;
  /** Names this call in logs and in the message of an internal error. */
  readonly requestId: string;
  /** What an interceptor leaves for handlers, by typed key (`createContextKey` of Connect): the caller's identity. */
  readonly values: ContextValues;
}

export interface RpcMetadata {
  /** The first value of a name, or undefined. */
  get(name: string): string | undefined;
}

/** How a call ended. `error` is what the handler threw, which may be more than the caller was told. */
export interface RpcOutcome {
  readonly status: RpcStatus | "ok";
  readonly error?: unknown;
}

/**
 * Runs before every handler, implemented or not. It refuses a call by throwing an AppError, and may return a function
 * that is told how the call ended (for metrics and logs).
 */
export type RpcInterceptor = (
  context: RpcContext,
) => Promise<((outcome: RpcOutcome) => void) | undefined> | ((outcome: RpcOutcome) => void) | undefined;

/** Told of every failure whose cause the caller does not see: once per call, with the error itself. */
export type UnexpectedErrorListener = (error: unknown, context: RpcContext) => void;
