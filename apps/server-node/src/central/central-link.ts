/** The port to the Central Server's gRPC side: registration, heartbeat and the stream of work. */
import type { NodeId } from "@cyxwiz/primitives";
import type { UnitState } from "@cyxwiz/market";
import type { DetectedHardware } from "../hardware/detected-hardware.ts";
import type { NodeMessage, RunningAssignment, ServerMessage } from "./messages.ts";

/** A short-lived token of scope `node`. */
export interface NodeToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface GrpcRegistration {
  readonly name: string;
  readonly region: string;
  readonly version: string;
  readonly publicKey: Uint8Array;
  readonly hardware: DetectedHardware;
}

interface BeatUnit {
  readonly unitId: string;
  readonly state: UnitState;
  readonly loadPercent: number;
  readonly taskId: string | undefined;
}

export interface GrpcBeat {
  readonly nodeId: NodeId;
  readonly units: readonly BeatUnit[];
  readonly running: readonly RunningAssignment[];
}

export interface BeatAnswer {
  /** Jobs that the server wants stopped. */
  readonly jobsToCancel: readonly string[];
  /** A fresh token when the old one was due. */
  readonly token?: NodeToken;
}

/** Every call throws AppError: `node/central-…` or the server's own code. `credential` goes in as `Bearer`. */
export interface CentralLink extends AsyncDisposable {
  /** Gives the id under which the server knows this key, and a token where the server issues them. */
  register(
    registration: GrpcRegistration,
    credential: string,
    signal: AbortSignal,
  ): Promise<{ readonly nodeId: NodeId; readonly token?: NodeToken }>;
  heartbeat(beat: GrpcBeat, credential: string, signal: AbortSignal): Promise<BeatAnswer>;
  /** Opens one stream. It ends when the server closes it; it throws when it breaks. */
  streamTasks(
    outgoing: AsyncIterable<NodeMessage>,
    credential: string,
    signal: AbortSignal,
  ): AsyncIterable<ServerMessage>;
}
