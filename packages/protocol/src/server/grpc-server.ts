/**
 * The native gRPC adapter, on grpc-js: what Engines and Server Nodes speak.
 *
 * Services are handler sets made with `implement`; `connectRoutes` serves the same ones to browsers. A server is
 * released with `await using` or `close`: no new calls, time for those in progress to end, then the rest is cut.
 */
import { randomUUID } from "node:crypto";
import type { DescMethod } from "@bufbuild/protobuf";
import { systemClock } from "@cyxwiz/platform";
import type { Clock } from "@cyxwiz/platform";
import { AppError } from "@cyxwiz/primitives";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { PROTOCOL_ERRORS } from "../errors.ts";
import {
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
  STREAM_MESSAGE_BYTES,
  STREAMS_PER_CONNECTION,
  UNARY_MESSAGE_BYTES,
} from "../limits.ts";
import { Dispatcher } from "./dispatch.ts";
import type { DispatchOptions } from "./dispatch.ts";
import { grpcMethodHandler } from "./grpc-method.ts";
import type { RpcLimits } from "./rpc-limits.ts";
import type { ServiceImplementation } from "./service-handlers.ts";

export interface GrpcServerOptions extends DispatchOptions {
  readonly services: readonly ServiceImplementation[];
  /** Like "0.0.0.0:50051"; port 0 lets the system choose. */
  readonly address: string;
  /** Plaintext when left out, which deployed clients speak. */
  readonly credentials?: ServerCredentials;
  readonly limits?: RpcLimits;
  readonly newRequestId?: () => string;
  /** Times the drain of `close`. */
  readonly clock?: Clock;
}

export interface GrpcServer extends AsyncDisposable {
  readonly port: number;
  /** Calls in progress now. */
  calls(): number;
  /** Takes no new calls, lets those in progress end for up to `graceMs`, then cuts the rest. Safe to call twice. */
  close(graceMs?: number): Promise<void>;
}

/** Long enough for unary calls with their 5 s deadline. Streams are ended by their own handlers. */
const GRACE_MS = 5_000;

/** @throws AppError `protocol/listen-failed` */
export async function createGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const dispatcher = new Dispatcher(options);
  const server = new Server(channelOptions(options));
  for (const implementation of options.services) {
    const { definition, handlers } = grpcService(implementation, dispatcher, options);
    server.addService(definition, handlers);
  }
  const port = await listen(server, options);
  const clock = options.clock ?? systemClock;
  let closing: Promise<void> | undefined;
  const close = (graceMs: number = GRACE_MS): Promise<void> => (closing ??= drain(server, clock, graceMs));
  return { port, calls: () => dispatcher.calls, close, [Symbol.asyncDispose]: () => close() };
}

function channelOptions(options: GrpcServerOptions): Record<string, number> {
  const limits = options.limits ?? {};
  const unary = limits.unaryMessageBytes ?? UNARY_MESSAGE_BYTES;
  const stream = limits.streamMessageBytes ?? STREAM_MESSAGE_BYTES;
  // grpc-js has one cap for all methods: the higher one only where some method of this server takes a stream.
  const takesStreams = options.services.some((one) =>
    one.service.methods.some((method) => method.proto.clientStreaming),
  );
  return {
    "grpc.max_receive_message_length": takesStreams ? Math.max(unary, stream) : unary,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": limits.streamsPerConnection ?? STREAMS_PER_CONNECTION,
    "grpc.keepalive_time_ms": KEEPALIVE_INTERVAL_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  };
}

function grpcService(
  implementation: ServiceImplementation,
  dispatcher: Dispatcher,
  options: GrpcServerOptions,
): { definition: ServiceDefinition; handlers: UntypedServiceImplementation } {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const handlers: UntypedServiceImplementation = {};
  for (const method of implementation.service.methods) {
    definition[method.name] = methodDefinition(method);
    handlers[method.name] = grpcMethodHandler({
      dispatcher,
      target: { implementation, method },
      newRequestId: options.newRequestId ?? randomUUID,
      allowedBytes: allowedBytes(method, options.limits ?? {}),
    });
  }
  return { definition, handlers };
}

/** Bytes in, bytes out: messages are decoded where a failure can be answered properly. */
function methodDefinition(method: DescMethod): ServiceDefinition[string] {
  const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.proto.clientStreaming,
    responseStream: method.proto.serverStreaming,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes: Buffer) => bytes,
  };
}

function allowedBytes(method: DescMethod, limits: RpcLimits): number {
  return method.proto.clientStreaming
    ? (limits.streamMessageBytes ?? STREAM_MESSAGE_BYTES)
    : (limits.unaryMessageBytes ?? UNARY_MESSAGE_BYTES);
}

async function listen(server: Server, options: GrpcServerOptions): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(options.address, options.credentials ?? ServerCredentials.createInsecure(), (error, port) => {
    if (!error) return resolve(port);
    const context = { address: options.address, reason: error.message };
    reject(new AppError(PROTOCOL_ERRORS.LISTEN_FAILED, context, { cause: error }));
  });
  return promise;
}

async function drain(server: Server, clock: Clock, graceMs: number): Promise<void> {
  const timer = new AbortController();
  const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const timeout = clock.sleep(graceMs, timer.signal).catch(() => undefined);
  await Promise.race([drained, timeout]);
  timer.abort();
  server.forceShutdown();
}
