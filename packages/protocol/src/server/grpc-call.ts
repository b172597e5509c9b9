/**
 * One gRPC call on grpc-js: its context, its messages, its end.
 *
 * Messages come as bytes and are decoded here and not by grpc-js, so that a malformed one is INVALID_ARGUMENT with the
 * method's name like any other bad input.
 */
import { once } from "node:events";
import type { EventEmitter } from "node:events";
import { setImmediate } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { Metadata } from "@grpc/grpc-js";
import type { ServerDuplexStream, ServerReadableStream, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { ConnectError } from "@connectrpc/connect";
import { PROTOCOL_ERRORS } from "../errors.ts";
import { EncodedAnswers } from "./lasting-answer.ts";
import type { RpcContext } from "./rpc-context.ts";
import { methodName } from "./service-handlers.ts";

export type GrpcCall =
  | ServerUnaryCall<Buffer, Uint8Array>
  | ServerReadableStream<Buffer, Uint8Array>
  | ServerWritableStream<Buffer, Uint8Array>
  | ServerDuplexStream<Buffer, Uint8Array>;

/** What grpc-js writes as status and trailers. */
export interface GrpcFailure extends Error {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The context of a call, and `markEnded`, after which a closing stream no longer counts as a cancel. */
export function openContext(
  call: GrpcCall,
  method: DescMethod,
  requestId: string,
): { context: RpcContext; markEnded: () => void } {
  const controller = new AbortController();
  let isEnded = false;
  // The four kinds of call are emitters whose overloads TypeScript cannot unite.
  (call as EventEmitter).on("cancelled", () => {
    if (!isEnded) controller.abort(new AppError(PROTOCOL_ERRORS.CALL_CANCELLED, { method: methodName(method) }));
  });
  const context: RpcContext = {
    method: methodName(method),
    metadata: { get: (name) => call.metadata.get(name)[0]?.toString() },
    peer: call.getPeer(),
    signal: controller.signal,
    requestId,
    values: createContextValues(),
  };
  return {
    context,
    markEnded: () => {
      isEnded = true;
    },
  };
}

/** @throws AppError `protocol/message-size-exceeded`, `protocol/message-malformed` */
export function decodeRequest(method: DescMethod, bytes: Buffer, allowedBytes: number): Message {
  if (bytes.length > allowedBytes) {
    const context = { method: methodName(method), sizeBytes: bytes.length, allowedBytes };
    throw new AppError(PROTOCOL_ERRORS.MESSAGE_SIZE_EXCEEDED, context);
  }
  try {
    return fromBinary(method.input, bytes);
  } catch (error) {
    const context = { method: methodName(method), message: method.input.typeName, reason: errorMessage(error) };
    throw new AppError(PROTOCOL_ERRORS.MESSAGE_MALFORMED, context, { cause: error });
  }
}

/** It holds nothing alive: what it knows of an answer goes with the answer. */
const ENCODED = new EncodedAnswers();

/** Bytes of a handler's answer, which may be a plain object in the message's shape; of a lasting answer, made once. */
export function encodeResponse(schema: DescMessage, response: Message): Uint8Array {
  return ENCODED.bytesOf(schema, response, () => toBinary(schema, create(schema, response)));
}

/** The stream of requests, read only as fast as the handler asks. @throws AppError when it is cut or malformed. */
export async function* readRequests(
  call: ServerReadableStream<Buffer, Uint8Array> | ServerDuplexStream<Buffer, Uint8Array>,
  method: DescMethod,
  options: { readonly allowedBytes: number; readonly signal: AbortSignal },
): AsyncGenerator<Message, void, void> {
  try {
    // The stream outlives its reader: a handler that stops reading may still have answers to write.
    for await (const bytes of call.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      yield decodeRequest(method, bytes, options.allowedBytes);
    }
    // A call that was cut ends its reading side like one that was completed, and is only then told apart: half an
    // upload must not pass for a whole one. The news arrives before the next turn of the event loop.
    await setImmediate();
    options.signal.throwIfAborted();
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  }
}

/** Writes what the handler yields, waiting whenever the connection is full. Resolves when all is handed over. */
export async function writeResponses(
  call: ServerWritableStream<Buffer, Uint8Array> | ServerDuplexStream<Buffer, Uint8Array>,
  responses: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for await (const bytes of responses) {
    if (signal.aborted) return;
    if (call.write(bytes)) continue;
    await once(call, "drain", { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/** Status, message and details of a failure, in the form that grpc-js sends. */
export function grpcFailure(error: ConnectError): GrpcFailure {
  const headers = setTrailerStatus(new Headers(), error);
  const metadata = new Metadata();
  const details = headers.get("grpc-status-details-bin");
  if (details !== null) metadata.set("grpc-status-details-bin", Buffer.from(details, "base64"));
  return Object.assign(error, { details: error.rawMessage, metadata });
}
