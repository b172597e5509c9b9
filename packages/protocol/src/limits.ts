/** Caps of the wire, each with its reason. A server or client may set lower ones; see `RpcLimits`. */

/** A graph, a job with small initial data or a page of a list; gRPC's own default, which deployed clients expect. */
export const UNARY_MESSAGE_BYTES: number = 4 * 1024 * 1024;

/** Batches and weights on a stream: deployed Engines send up to 100 MB to a node. */
export const STREAM_MESSAGE_BYTES: number = 100 * 1024 * 1024;

/** Calls in progress on one server; each holds a request in memory. Over it the call is refused, not queued. */
export const CALLS_IN_PROGRESS = 20_000;

/** Streams that one connection may open. Above what any honest client multiplexes, far below what hurts. */
export const STREAMS_PER_CONNECTION = 1_000;

/** An error's context, as JSON in a header: over it the context is left out, the code stays. */
export const ERROR_CONTEXT_BYTES: number = 4 * 1024;

/** Error messages travel in a header, and peers refuse headers of more than 8 KiB in all. */
export const ERROR_MESSAGE_CHARS = 1_024;

/** A unary call that has no deadline of its own: deployed nodes use the same 5 s. */
export const UNARY_DEADLINE_MS = 5_000;

/** Pings on an HTTP/2 connection: a peer that vanished is noticed well before a 30 s lease runs out. */
export const KEEPALIVE_INTERVAL_MS = 10_000;

/** How long a ping may stay unanswered before the connection is given up. */
export const KEEPALIVE_TIMEOUT_MS = 5_000;
