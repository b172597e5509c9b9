import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { RpcContext } from "./rpc-context.ts";

/**
 * The handlers of one service, typed from its description: plain async functions and async generators. A method that
 * is left out answers UNIMPLEMENTED.
 */
export type ServiceHandlers<S extends DescService> = {
  readonly [M in keyof S["method"]]?: MethodHandler<S["method"][M]>;
};

export type MethodHandler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: RpcContext) => Promise<MessageInitShape<O>> | MessageInitShape<O>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: RpcContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, context: RpcContext) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, context: RpcContext) => AsyncIterable<MessageInitShape<O>>
          : never;

/** A service with its handlers, ready for any adapter. */
export interface ServiceImplementation {
  readonly service: DescService;
  /** By the method's `localName`. The types were checked by `implement`; adapters only pair them up again. */
  readonly handlers: Readonly<Record<string, AnyHandler | undefined>>;
}

/** A handler whose types are known to `implement` and no longer to the compiler. */
type AnyHandler = (input: never, context: RpcContext) => unknown;

/** Pairs a service with its handlers. Pure. */
export function implement<S extends DescService>(service: S, handlers: ServiceHandlers<S>): ServiceImplementation {
  return { service, handlers };
}

/** "cyxwiz.protocol.JobService/SubmitJob". */
export function methodName(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
