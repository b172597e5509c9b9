/**
 * Who is online: the last beat of every node per path, in memory.
 *
 * Memory is the truth while the server runs; `machines.last_seen_at` follows a second behind and seeds it after a
 * restart. Online means that the last beat on some path is younger than 1.5 × that path's interval, at least 15 s.
 */
import type { Clock } from "@cyxwiz/platform";
import type { NodeId } from "@cyxwiz/primitives";

export type BeatPath = "grpc" | "rest" | "websocket";

/** How often a node beats on each path, in milliseconds. */
const INTERVAL_MS: Readonly<Record<BeatPath, number>> = { grpc: 10_000, rest: 15_000, websocket: 30_000 };
const SHORTEST_MS = 15_000;

interface Seen {
  readonly at: number;
  /** Until when this beat keeps the node online. */
  readonly until: number;
}

export class Presence {
  /** The clock that says who is online. */
  readonly clock: Clock;
  readonly #seen = new Map<NodeId, Seen>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Notes a beat. True when the node was not online before it. */
  beat(nodeId: NodeId, path: BeatPath): boolean {
    const wasOnline = this.isOnline(nodeId);
    this.#note(nodeId, this.clock.now(), path);
    return !wasOnline;
  }

  /** What the database remembers from before a restart; the path is unknown, so the shortest interval is taken. */
  seed(nodeId: NodeId, lastSeenAt: Date): void {
    this.#note(nodeId, lastSeenAt.getTime(), "grpc");
  }

  isOnline(nodeId: NodeId): boolean {
    return (this.#seen.get(nodeId)?.until ?? -Infinity) > this.clock.now();
  }

  lastSeen(nodeId: NodeId): Date | undefined {
    const seen = this.#seen.get(nodeId);
    return seen && new Date(seen.at);
  }

  #note(nodeId: NodeId, at: number, path: BeatPath): void {
    const before = this.#seen.get(nodeId);
    const until = at + Math.max(SHORTEST_MS, 1.5 * INTERVAL_MS[path]);
    this.#seen.set(nodeId, { at: Math.max(at, before?.at ?? 0), until: Math.max(until, before?.until ?? 0) });
  }
}
