export { connectRoutes, peerValues } from "./connect-routes.ts";
export type { ConnectRoutesOptions } from "./connect-routes.ts";
export type { DispatchOptions } from "./dispatch.ts";
export { createGrpcServer } from "./grpc-server.ts";
export type { GrpcServer, GrpcServerOptions } from "./grpc-server.ts";
export type { RpcContext, RpcInterceptor, RpcMetadata, RpcOutcome, UnexpectedErrorListener } from "./rpc-context.ts";
export type { RpcLimits } from "./rpc-limits.ts";
export { implement } from "./service-handlers.ts";
export type { MethodHandler, ServiceHandlers, ServiceImplementation } from "./service-handlers.ts";
