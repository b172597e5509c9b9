import type { Message } from "@bufbuild/protobuf";
import { unreachable } from "@cyxwiz/primitives";
import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { toConnectError } from "../error/connect-error.ts";
import type { CallIo, CallTarget, Dispatcher } from "./dispatch.ts";
import { decodeRequest, encodeResponse, grpcFailure, openContext, readRequests, writeResponses } from "./grpc-call.ts";
import type { GrpcCall } from "./grpc-call.ts";
import type { RpcContext } from "./rpc-context.ts";

interface GrpcMethod {
  readonly dispatcher: Dispatcher;
  readonly target: CallTarget;
  readonly newRequestId: () => string;
  /** Largest message that the method takes. */
  readonly allowedBytes: number;
}

/** The grpc-js handler of one method, of whichever of the four kinds it is. */
export function grpcMethodHandler(method: GrpcMethod): UntypedHandleCall {
  switch (method.target.method.methodKind) {
    case "unary":
      return ((call: ServerUnaryCall<Buffer, Uint8Array>, answer: sendUnaryData<Uint8Array>): void =>
        void answerOnce(method, call, answer, () => decode(method, call.request))) as UntypedHandleCall;
    case "client_streaming":
      return ((call: ServerReadableStream<Buffer, Uint8Array>, answer: sendUnaryData<Uint8Array>): void =>
        void answerOnce(method, call, answer, (context) => read(method, call, context))) as UntypedHandleCall;
    case "server_streaming":
      return ((call: ServerWritableStream<Buffer, Uint8Array>): void =>
        void answerStream(method, call, () => decode(method, call.request))) as UntypedHandleCall;
    case "bidi_streaming":
      return ((call: ServerDuplexStream<Buffer, Uint8Array>): void =>
        void answerStream(method, call, (context) => read(method, call, context))) as UntypedHandleCall;
    default:
      return unreachable(method.target.method.methodKind);
  }
}

async function answerOnce(
  method: GrpcMethod,
  call: GrpcCall,
  answer: sendUnaryData<Uint8Array>,
  input: (context: RpcContext) => Message | AsyncIterable<Message>,
): Promise<void> {
  const { context, markEnded } = openContext(call, method.target.method, method.newRequestId());
  try {
    const response = await method.dispatcher.runCall(
      method.target,
      callIo(method, () => input(context)),
      context,
    );
    markEnded();
    answer(null, response);
  } catch (error) {
    markEnded();
    answer(grpcFailure(toConnectError(error)));
  }
}

async function answerStream(
  method: GrpcMethod,
  call: ServerWritableStream<Buffer, Uint8Array> | ServerDuplexStream<Buffer, Uint8Array>,
  input: (context: RpcContext) => Message | AsyncIterable<Message>,
): Promise<void> {
  const { context, markEnded } = openContext(call, method.target.method, method.newRequestId());
  try {
    const responses = method.dispatcher.runStream(
      method.target,
      callIo(method, () => input(context)),
      context,
    );
    await writeResponses(call, responses, context.signal);
    markEnded();
    call.end();
  } catch (error) {
    markEnded();
    // The stream's own error listener turns this into status and trailers, and ends it.
    if (!call.destroyed) call.emit("error", grpcFailure(toConnectError(error)));
  }
}

function callIo(method: GrpcMethod, input: () => Message | AsyncIterable<Message>): CallIo<Uint8Array> {
  return { input, output: (response) => encodeResponse(method.target.method.output, response) };
}

function decode(method: GrpcMethod, bytes: Buffer): Message {
  return decodeRequest(method.target.method, bytes, method.allowedBytes);
}

function read(
  method: GrpcMethod,
  call: ServerReadableStream<Buffer, Uint8Array> | ServerDuplexStream<Buffer, Uint8Array>,
  context: RpcContext,
): AsyncIterable<Message> {
  const { allowedBytes, target } = method;
  return readRequests(call, target.method, { allowedBytes, signal: context.signal });
}
