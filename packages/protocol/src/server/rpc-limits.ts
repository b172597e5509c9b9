/** Caps that an operator may set; the defaults and their reasons are in limits.ts. */
export interface RpcLimits {
  /** Largest request of a unary call, in bytes. */
  readonly unaryMessageBytes?: number;
  /** Largest message on a stream, in bytes. */
  readonly streamMessageBytes?: number;
  /** Streams (calls) that one connection may have open. */
  readonly streamsPerConnection?: number;
}
