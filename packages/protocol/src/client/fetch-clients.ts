import { createTransport } from "@connectrpc/connect/protocol-connect";
import { STREAM_MESSAGE_BYTES } from "../limits.ts";
import { fetchHttpClient } from "./fetch-http-client.ts";
import { bearerToken } from "./rpc-client.ts";
import { rpcClients } from "./rpc-clients.ts";
import type { RpcClientOptions, RpcClients } from "./rpc-clients.ts";

export interface FetchClientOptions extends RpcClientOptions {
  /** The REST server's address, as "http://localhost:8080". */
  readonly baseUrl: string;
  /** JSON is readable in a browser's network panel; binary is smaller. Binary when left out. */
  readonly format?: "binary" | "json";
  /** For tests and for hosts with a fetch of their own. */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * Clients over the Connect protocol and `fetch`: for browsers and for command-line tools, on HTTP/1.1. Server streams
 * work; client and bidirectional streams need `createGrpcClients`.
 */
export function createFetchClients(options: FetchClientOptions): RpcClients {
  const transport = createTransport({
    baseUrl: options.baseUrl,
    httpClient: fetchHttpClient(options.fetch ?? globalThis.fetch.bind(globalThis)),
    useBinaryFormat: options.format !== "json",
    interceptors: [bearerToken(options.token ?? (() => undefined))],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: 0,
    readMaxBytes: options.messageBytes ?? STREAM_MESSAGE_BYTES,
    writeMaxBytes: STREAM_MESSAGE_BYTES,
  });
  return rpcClients(transport, options.deadlineMs);
}
