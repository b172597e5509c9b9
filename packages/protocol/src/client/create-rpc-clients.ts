import { createFetchClients } from "./fetch-clients.ts";
import type { FetchClientOptions } from "./fetch-clients.ts";
import { createGrpcClients } from "./grpc-clients.ts";
import type { GrpcClientOptions, RpcConnection } from "./grpc-clients.ts";

/**
 * Clients for programs on Node. With `grpcAddress`, native gRPC over HTTP/2: all four kinds of call, which a Server
 * Node needs. With `baseUrl`, Connect over HTTP/1.1: no client or bidirectional streams.
 */
export function createRpcClients(options: FetchClientOptions | GrpcClientOptions): RpcConnection {
  if ("grpcAddress" in options) return createGrpcClients(options);
  // fetch pools its own connections; there is nothing of ours to end.
  const close = (): void => undefined;
  return { ...createFetchClients(options), close, [Symbol.dispose]: close };
}
