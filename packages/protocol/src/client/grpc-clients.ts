import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { KEEPALIVE_INTERVAL_MS, KEEPALIVE_TIMEOUT_MS, STREAM_MESSAGE_BYTES } from "../limits.ts";
import { bearerToken } from "./rpc-client.ts";
import { rpcClients } from "./rpc-clients.ts";
import type { RpcClientOptions, RpcClients } from "./rpc-clients.ts";

export interface GrpcClientOptions extends RpcClientOptions {
  /** "host:port" (plaintext, which deployed servers speak) or an https:// URL. */
  readonly grpcAddress: string;
}

/** Clients that hold a connection. */
export interface RpcConnection extends RpcClients, Disposable {
  /** Ends the connection; calls in progress fail. */
  close(): void;
}

/**
 * Clients over native gRPC (HTTP/2), for programs on Node: all four kinds of call. One connection, opened by the first
 * call and again by the first call after a loss; pings notice a peer that vanished, also while a stream is silent.
 */
export function createGrpcClients(options: GrpcClientOptions): RpcConnection {
  const baseUrl = options.grpcAddress.includes("://") ? options.grpcAddress : `http://${options.grpcAddress}`;
  const sessionManager = new Http2SessionManager(baseUrl, {
    pingIntervalMs: KEEPALIVE_INTERVAL_MS,
    pingTimeoutMs: KEEPALIVE_TIMEOUT_MS,
  });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager,
    interceptors: [bearerToken(options.token ?? (() => undefined))],
    readMaxBytes: options.messageBytes ?? STREAM_MESSAGE_BYTES,
  });
  const close = (): void => sessionManager.abort();
  return { ...rpcClients(transport, options.deadlineMs), close, [Symbol.dispose]: close };
}
