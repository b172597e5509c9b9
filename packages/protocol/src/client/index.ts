export { createRpcClients } from "./create-rpc-clients.ts";
export type { FetchClientOptions } from "./fetch-clients.ts";
export type { GrpcClientOptions, RpcConnection } from "./grpc-clients.ts";
export type { RpcCallOptions, RpcClient } from "./rpc-client-shape.ts";
export type { RpcClientOptions, RpcClients } from "./rpc-clients.ts";
