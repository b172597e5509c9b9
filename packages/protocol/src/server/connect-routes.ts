/**
 * The adapter for browsers: gRPC-Web and Connect (JSON or binary) on the HTTP/1.1 port of the REST server.
 *
 * Connect's own handlers do the reading and writing; this pairs them with the dispatcher. Bidirectional streams need
 * HTTP/2 and stay with the gRPC adapter.
 */
import { randomUUID } from "node:crypto";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { createContextKey, createContextValues } from "@connectrpc/connect";
import type { ConnectRouter, ContextKey, ContextValues, HandlerContext, MethodImpl } from "@connectrpc/connect";
import { STREAM_MESSAGE_BYTES, UNARY_MESSAGE_BYTES } from "../limits.ts";
import { Dispatcher } from "./dispatch.ts";
import type { DispatchOptions } from "./dispatch.ts";
import type { RpcContext } from "./rpc-context.ts";
import type { RpcLimits } from "./rpc-limits.ts";
import { methodName } from "./service-handlers.ts";
import type { ServiceImplementation } from "./service-handlers.ts";

export interface ConnectRoutesOptions extends DispatchOptions {
  readonly limits?: RpcLimits;
  readonly newRequestId?: () => string;
}

const PEER: ContextKey<string> = createContextKey("", { description: "peer address of the connection" });

/**
 * Routes for `fastifyConnectPlugin` or `connectNodeAdapter`, as `routes`. Give `peerValues` as its `contextValues`, or
 * handlers see an empty peer.
 */
export function connectRoutes(
  services: readonly ServiceImplementation[],
  options: ConnectRoutesOptions = {},
): (router: ConnectRouter) => void {
  const dispatcher = new Dispatcher(options);
  const newRequestId = options.newRequestId ?? randomUUID;
  return (router) => {
    for (const implementation of services) {
      for (const method of implementation.service.methods) {
        const handler = connectHandler({ dispatcher, newRequestId }, implementation, method);
        router.rpc(method, handler, { readMaxBytes: readLimit(method, options.limits ?? {}) });
      }
    }
  };
}

/** Context values that carry the far end's address from a Node request into `RpcContext.peer`. */
export function peerValues(request: {
  readonly socket: { readonly remoteAddress?: string | undefined; readonly remotePort?: number | undefined };
}): ContextValues {
  const { remoteAddress, remotePort } = request.socket;
  if (remoteAddress === undefined) return createContextValues();
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  return createContextValues().set(PEER, `${host}:${remotePort ?? 0}`);
}

function connectHandler(
  server: { dispatcher: Dispatcher; newRequestId: () => string },
  implementation: ServiceImplementation,
  method: DescMethod,
): MethodImpl<DescMethod> {
  const target = { implementation, method };
  const isStream = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
  const handler = (input: Message | AsyncIterable<Message>, context: HandlerContext): unknown => {
    const rpc = rpcContext(context, server.newRequestId());
    const io = { input: () => input, output: (response: Message) => response };
    return isStream ? server.dispatcher.runStream(target, io, rpc) : server.dispatcher.runCall(target, io, rpc);
  };
  // The router pairs a handler with its method at run time; the kinds were told apart just above.
  return handler as MethodImpl<DescMethod>;
}

function rpcContext(context: HandlerContext, requestId: string): RpcContext {
  return {
    method: methodName(context.method),
    metadata: { get: (name) => context.requestHeader.get(name) ?? undefined },
    peer: context.values.get(PEER),
    signal: context.signal,
    requestId,
    values: context.values,
  };
}

function readLimit(method: DescMethod, limits: RpcLimits): number {
  return method.methodKind === "unary"
    ? (limits.unaryMessageBytes ?? UNARY_MESSAGE_BYTES)
    : (limits.streamMessageBytes ?? STREAM_MESSAGE_BYTES);
}
