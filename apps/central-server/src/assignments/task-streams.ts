/**
 * The task streams that nodes hold open: one per node, the newest counts.
 *
 * A stream is a carrier and holds no state. Sending never waits: a node that reads nothing for `STREAM_QUEUE` messages
 * has its stream closed and finds out when it connects again.
 */
import { AppError, type NodeId } from "@cyxwiz/primitives";
import { BoundedQueue } from "@cyxwiz/platform";
import type { NodeService } from "@cyxwiz/protocol";
import type { ServiceHandlers } from "@cyxwiz/protocol/server";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";
import { RECONNECT_AFTER_MS, STREAM_QUEUE } from "./limits.ts";

type StreamTasks = NonNullable<ServiceHandlers<typeof NodeService>["streamTasks"]>;
/** ServerTaskMessage as a plain object. */
export type ServerMessage = ReturnType<StreamTasks> extends AsyncIterable<infer Message> ? Message : never;
export type ServerMessageBody = NonNullable<ServerMessage["message"]>;

export class TaskStream {
  readonly nodeId: NodeId;
  readonly #queue = new BoundedQueue<ServerMessage>(STREAM_QUEUE);

  constructor(nodeId: NodeId) {
    this.nodeId = nodeId;
  }

  /** False when the stream is closed or was closed just now because nobody reads it. */
  send(message: ServerMessageBody): boolean {
    if (this.#queue.push({ message })) return true;
    this.#queue.fail(
      new AppError(ASSIGNMENT_ERRORS.STREAM_STALLED, { nodeId: this.nodeId, waiting: this.#queue.size }),
    );
    return false;
  }

  close(error?: AppError): void {
    if (error) this.#queue.fail(error);
    else this.#queue.close();
  }

  get messages(): AsyncIterable<ServerMessage> {
    return this.#queue;
  }
}

export class TaskStreams {
  readonly #streams = new Map<NodeId, TaskStream>();

  /** Opens the node's stream; one that it held before ends. */
  open(nodeId: NodeId): TaskStream {
    this.#streams.get(nodeId)?.close(new AppError(ASSIGNMENT_ERRORS.STREAM_REPLACED, { nodeId }));
    const stream = new TaskStream(nodeId);
    this.#streams.set(nodeId, stream);
    return stream;
  }

  /** The stream is over; a newer one of the node stays. */
  closed(stream: TaskStream): void {
    stream.close();
    if (this.#streams.get(stream.nodeId) === stream) this.#streams.delete(stream.nodeId);
  }

  has(nodeId: NodeId): boolean {
    return this.#streams.has(nodeId);
  }

  /** False when the node holds no stream. */
  send(nodeId: NodeId, message: ServerMessageBody): boolean {
    return this.#streams.get(nodeId)?.send(message) ?? false;
  }

  /** Tells every node to come back later and ends the streams. Running work goes on. */
  drain(reason: string): void {
    for (const stream of this.#streams.values()) {
      stream.send({ case: "drain", value: { reason, reconnectAfterMs: RECONNECT_AFTER_MS } });
      stream.close();
    }
    this.#streams.clear();
  }
}
