export { createGrpcClients } from "./grpc-clients.ts";
export type { GrpcClientOptions, GrpcClients } from "./grpc-clients.ts";
