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

/** Options of one call. */
export interface RpcCallOptions {
  readonly signal?: AbortSignal;
  /** Deadline of this call; unary calls have one by default, streams have none. 0 means none. */
  readonly timeoutMs?: number;
  /** Metadata of this call, as `{ "x-job-id": "…" }`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The methods of a service as async functions and async iterables. */
export type RpcClient<S extends DescService> = {
  readonly [M in keyof S["method"]]: RpcClientMethod<S["method"][M]>;
};

type RpcClientMethod<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: RpcCallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: RpcCallOptions) => AsyncIterable<MessageShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: RpcCallOptions) => Promise<MessageShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageInitShape<I>>, options?: RpcCallOptions) => AsyncIterable<MessageShape<O>>
          : never;
