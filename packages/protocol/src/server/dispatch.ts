/**
 * What happens around a handler, in one place for all adapters: interceptor, cap on calls in progress, errors.
 *
 * An adapter reads messages, calls `runCall` or `runStream`, and writes what comes back. Both throw only
 * ConnectErrors, already stripped of what a stranger must not see.
 */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { AppError, isAppError } from "@cyxwiz/primitives";
import { toConnectError } from "../error/connect-error.ts";
import { statusOfGrpcCode } from "../error/grpc-status.ts";
import { PROTOCOL_ERRORS } from "../errors.ts";
import { CALLS_IN_PROGRESS } from "../limits.ts";
import type { RpcContext, RpcInterceptor, RpcOutcome, UnexpectedErrorListener } from "./rpc-context.ts";
import { methodName } from "./service-handlers.ts";
import type { ServiceImplementation } from "./service-handlers.ts";

export interface DispatchOptions {
  readonly interceptor?: RpcInterceptor;
  readonly onUnexpectedError?: UnexpectedErrorListener;
  /** Most calls in progress; over it a call is refused with RESOURCE_EXHAUSTED. */
  readonly maxCalls?: number;
}

/** The method that was called and the handlers of its service. */
export interface CallTarget {
  readonly implementation: ServiceImplementation;
  readonly method: DescMethod;
}

/** How an adapter reads and writes a call. What these throw is answered like what a handler throws. */
export interface CallIo<T> {
  /** The request, or the stream of requests. */
  readonly input: () => Message | AsyncIterable<Message>;
  /** A response in the adapter's form. */
  readonly output: (response: Message) => T;
}

export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #maxCalls: number;
  #calls = 0;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#maxCalls = options.maxCalls ?? CALLS_IN_PROGRESS;
  }

  /** Calls in progress now. */
  get calls(): number {
    return this.#calls;
  }

  /** Runs a handler that answers once. @throws ConnectError */
  async runCall<T>(target: CallTarget, io: CallIo<T>, context: RpcContext): Promise<T> {
    await using call = await this.#begin(context);
    try {
      return io.output((await invoke(target, io, context)) as Message);
    } catch (error) {
      throw call.failed(error);
    }
  }

  /** Runs a handler that answers with a stream; ends the handler when the reader stops. @throws ConnectError */
  async *runStream<T>(target: CallTarget, io: CallIo<T>, context: RpcContext): AsyncGenerator<T, void, void> {
    await using call = await this.#begin(context);
    try {
      for await (const response of invoke(target, io, context) as AsyncIterable<Message>) yield io.output(response);
    } catch (error) {
      throw call.failed(error);
    }
  }

  async #begin(context: RpcContext): Promise<{ failed(error: unknown): ConnectError } & AsyncDisposable> {
    if (this.#calls >= this.#maxCalls) {
      throw toConnectError(new AppError(PROTOCOL_ERRORS.CALLS_EXCEEDED, { allowed: this.#maxCalls }));
    }
    this.#calls += 1;
    let outcome: RpcOutcome = { status: "ok" };
    const failed = (error: unknown): ConnectError => {
      const answer = this.#answer(error, context);
      outcome = { status: statusOfGrpcCode(answer.code), error };
      return answer;
    };
    let ended: ((outcome: RpcOutcome) => void) | undefined;
    try {
      ended = await this.#options.interceptor?.(context);
    } catch (error) {
      this.#calls -= 1;
      throw failed(error);
    }
    return {
      failed,
      [Symbol.asyncDispose]: async (): Promise<void> => {
        this.#calls -= 1;
        ended?.(outcome);
      },
    };
  }

  #answer(error: unknown, context: RpcContext): ConnectError {
    if (isAppError(error) && error.rpc !== "internal") return toConnectError(error);
    if (error instanceof ConnectError && error.code !== Code.Internal) return error;
    if (context.signal.aborted) {
      return toConnectError(new AppError(PROTOCOL_ERRORS.CALL_CANCELLED, { method: context.method }));
    }
    this.#options.onUnexpectedError?.(error, context);
    return toConnectError(
      isAppError(error) ? error : new AppError(PROTOCOL_ERRORS.INTERNAL, {}, { cause: error }),
      context.requestId,
    );
  }
}

/** `implement` checked the handler's types against the method that the input is read for. */
function invoke(target: CallTarget, io: CallIo<unknown>, context: RpcContext): unknown {
  const handler = target.implementation.handlers[target.method.localName];
  if (!handler) throw new AppError(PROTOCOL_ERRORS.METHOD_UNIMPLEMENTED, { method: methodName(target.method) });
  return handler(io.input() as never, context);
}
