/**
 * Typed clients of the services, over any Connect transport.
 *
 * They differ from Connect's own in three ways: failures are AppErrors with the server's code, a unary call has a
 * deadline, and leaving a `for await` loop over responses cancels the call instead of leaking it.
 */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import type { CallOptions, Client, Interceptor, Transport } from "@connectrpc/connect";
import { unreachable } from "@cyxwiz/primitives";
import { fromCallFailure } from "../error/connect-error.ts";
import { UNARY_DEADLINE_MS } from "../limits.ts";
import type { RpcClient } from "./rpc-client-shape.ts";

type Call = (input: unknown, options?: CallOptions) => unknown;

/** A client of one service. @throws AppError (from its methods): the server's own code, else `protocol/call-failed`. */
export function createRpcClient<S extends DescService>(
  service: S,
  transport: Transport,
  deadlineMs: number = UNARY_DEADLINE_MS,
): RpcClient<S> {
  const inner = createClient(service, transport) as Client<DescService> as Record<string, Call>;
  const calls: Record<string, Call> = {};
  for (const method of service.methods) {
    const call = inner[method.localName];
    if (call) calls[method.localName] = wrapCall(method, call, deadlineMs);
  }
  return calls as RpcClient<S>;
}

/** Sends the token, asked for at every call because it is renewed while the client lives. */
export function bearerToken(token: () => string | undefined): Interceptor {
  return (next) => (request) => {
    const value = token();
    if (value !== undefined && value !== "") request.header.set("authorization", `Bearer ${value}`);
    return next(request);
  };
}

function wrapCall(method: DescMethod, call: Call, deadlineMs: number): Call {
  switch (method.methodKind) {
    case "unary":
      return (input, options) => settle(call(input, { timeoutMs: deadlineMs, ...options }));
    case "client_streaming":
      return (input, options) => settle(call(input, options));
    case "server_streaming":
    case "bidi_streaming":
      return (input, options) => responses(call, input, options ?? {});
    default:
      return unreachable(method.methodKind);
  }
}

async function settle(answer: unknown): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    throw fromCallFailure(error);
  }
}

async function* responses(call: Call, input: unknown, options: CallOptions): AsyncGenerator<unknown, void, void> {
  const left = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
  try {
    yield* call(input, { ...options, signal }) as AsyncIterable<unknown>;
  } catch (error) {
    throw fromCallFailure(error);
  } finally {
    left.abort();
  }
}
