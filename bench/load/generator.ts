/**
 * The load generator: a process of its own that keeps a number of unary gRPC calls in flight over a few connections.
 *
 * It speaks HTTP/2 through node:http2 and frames messages itself, so that it costs a fraction of a gRPC client. The job
 * comes over the IPC channel and the result goes back over it; the process ends with the channel.
 */
import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from "node:http2";
import type { LoadJob, LoadResult } from "./load-job.ts";

const FRAME_BYTES = 5;
/** A load that has not ended by then has lost an answer. */
const LONGEST_OVERRUN = 10;

interface Call {
  readonly headers: OutgoingHttpHeaders;
  readonly frame: Buffer;
}

class Load {
  readonly #job: LoadJob;
  readonly #calls: readonly Call[];
  readonly #latenciesMs: number[] = [];
  readonly #kept: string[] = [];
  readonly #finished = Promise.withResolvers<void>();
  #failed = 0;
  #failure: string | undefined;
  #sent = 0;
  #open = 0;
  #end = 0;

  constructor(job: LoadJob) {
    this.#job = job;
    this.#calls = job.calls.map(({ message, token }) => ({
      headers: {
        ":method": "POST",
        ":path": job.path,
        "content-type": "application/grpc",
        te: "trailers",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      frame: framed(Buffer.from(message, "base64")),
    }));
  }

  async run(): Promise<LoadResult> {
    const { connections, inFlight, seconds, once, address } = this.#job;
    const sessions = await Promise.all(Array.from({ length: connections }, () => opened(address)));
    const begin = performance.now();
    this.#end = begin + 1000 * seconds * (once ? LONGEST_OVERRUN : 1);
    for (let slot = 0; slot < inFlight; slot++) this.#next(sessions[slot % connections] as ClientHttp2Session);
    await this.#finished.promise;
    const elapsed = (performance.now() - begin) / 1000;
    for (const session of sessions) session.destroy();
    return {
      count: this.#latenciesMs.length,
      seconds: elapsed,
      latenciesMs: this.#latenciesMs,
      kept: this.#kept,
      failed: this.#failed,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    };
  }

  #next(session: ClientHttp2Session): void {
    const { once } = this.#job;
    const isOver = performance.now() >= this.#end || (once && this.#sent >= this.#calls.length);
    if (isOver) {
      if (this.#open === 0) this.#finished.resolve();
      return;
    }
    const call = this.#calls[this.#sent % this.#calls.length] as Call;
    this.#sent++;
    this.#open++;
    this.#send(session, call);
  }

  #send(session: ClientHttp2Session, { headers, frame }: Call): void {
    const begin = performance.now();
    const stream = session.request(headers);
    const parts: Buffer[] = [];
    let status = "";
    stream.on("response", (received) => {
      status = `status ${String(received["grpc-status"] ?? "")} ${String(received["grpc-message"] ?? "")}`;
    });
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", (error) => {
      status = error.message;
    });
    stream.on("close", () => {
      this.#open--;
      this.#took(parts, performance.now() - begin, status);
      this.#next(session);
    });
    stream.end(frame);
  }

  #took(parts: readonly Buffer[], milliseconds: number, status: string): void {
    const [first] = parts;
    // An answer of an error is trailers alone.
    if (first === undefined) {
      this.#failed++;
      this.#failure ??= status;
      return;
    }
    if (this.#latenciesMs.length % this.#job.keepEvery === 0) {
      const whole = parts.length === 1 ? first : Buffer.concat(parts);
      this.#kept.push(whole.subarray(FRAME_BYTES).toString("base64"));
    }
    this.#latenciesMs.push(milliseconds);
  }
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, FRAME_BYTES);
  return frame;
}

async function opened(address: string): Promise<ClientHttp2Session> {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: 1 << 20 } });
  await new Promise<void>((resolve, reject) => {
    session.once("connect", () => resolve());
    session.once("error", reject);
  });
  // A lost connection shows in the calls that were on it.
  session.on("error", () => undefined);
  session.setLocalWindowSize(1 << 24);
  return session;
}

process.once("message", (job: LoadJob) => {
  void new Load(job).run().then((result) => process.send?.(result, () => process.disconnect()));
});
