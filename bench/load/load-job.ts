/** What the load generator is told and what it answers: plain data, because the two are processes. */

/** One gRPC request, ready to send. */
export interface PreparedCall {
  /** The message, base64, without its five bytes of framing. */
  readonly message: string;
  readonly token?: string;
}

export interface LoadJob {
  /** host:port, plaintext. */
  readonly address: string;
  /** /package.Service/Method */
  readonly path: string;
  /** Sent in turn, again and again; once each with `once`. */
  readonly calls: readonly PreparedCall[];
  readonly once: boolean;
  readonly inFlight: number;
  readonly connections: number;
  /** Ends a repeated load. A load that sends each call once ends with the last of them, at most ten times later. */
  readonly seconds: number;
  /** One answer of so many is handed back to be looked at. */
  readonly keepEvery: number;
}

export interface LoadResult {
  readonly count: number;
  readonly seconds: number;
  /** Of each answered call. */
  readonly latenciesMs: readonly number[];
  /** Answers, base64, without framing. */
  readonly kept: readonly string[];
  /** Calls without an answer message: gRPC errors and broken streams. */
  readonly failed: number;
  /** What the first failed call said. */
  readonly failure?: string;
}
