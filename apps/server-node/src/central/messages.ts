/**
 * What node and Central Server say to each other about work, in the node's own words.
 *
 * The wire form (market.proto) is mapped in `grpc-link.ts` alone. Steps are plain numbers, fencing tokens stay `bigint`,
 * and a seed stays the decimal string that it is on the wire: it may be larger than a number can hold.
 */
import type { AssignmentId, Cid, JobId, NodeId, UnitId } from "@cyxwiz/primitives";

/** The lease under which a piece of work is done; every report names it. */
export interface Lease {
  readonly assignmentId: AssignmentId;
  readonly fencingToken: bigint;
}

export interface StoredCheckpoint {
  readonly step: number;
  readonly cid: Cid;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface Assignment extends Lease {
  readonly jobId: JobId;
  readonly unitId: UnitId;
  readonly kind: "TRAIN" | "VERIFY";
  readonly graph: string;
  readonly dataset: { readonly cid: Cid; readonly sizeBytes: number };
  readonly settings: {
    readonly batchSize: number;
    readonly epochs: number;
    readonly learningRate?: number;
    /** 0: this node's default. */
    readonly checkpointEverySteps: number;
  };
  readonly seed: string;
  readonly lowering: string;
  readonly totalSteps: number;
  readonly resume?: StoredCheckpoint;
  /** 0: all of the unit. */
  readonly threads: number;
  /** 0: all of the unit. */
  readonly memoryBytes: number;
}

export interface RunningAssignment extends Lease {
  readonly jobId: JobId;
  readonly step: number;
}

/** Whose fault a failure is; "unknown" leaves the decision to the server. */
export type Blame = "job" | "node" | "server" | "unknown";

export interface Artifact {
  readonly cid: Cid;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface Progress {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy?: number;
  readonly samplesPerSecond: number;
  readonly secondsLeft: number;
  readonly elapsedSeconds: number;
  readonly testLoss?: number;
  readonly testAccuracy?: number;
}

/** A message about one assignment, from the node. */
export type NodeReport = Lease &
  (
    | { readonly kind: "accepted" }
    | { readonly kind: "declined"; readonly code: string; readonly message: string }
    | ({ readonly kind: "progress" } & Progress)
    | ({ readonly kind: "checkpoint" } & StoredCheckpoint)
    | {
        readonly kind: "result";
        readonly step: number;
        readonly metrics: Readonly<Record<string, number>>;
        readonly onnx: Artifact;
        readonly weights: Artifact;
        readonly seconds: number;
        readonly lowering: string;
        readonly build: string;
        readonly hardwareClass: string;
      }
    | {
        readonly kind: "failed";
        readonly blame: Blame;
        readonly code: string;
        readonly message: string;
        readonly step: number;
      }
    | { readonly kind: "cancelled"; readonly step: number; readonly onnx?: Artifact; readonly weights?: Artifact }
  );

/** First message of a node on every stream. */
export interface Hello {
  readonly nodeId: NodeId;
  readonly build: string;
  readonly lowerings: readonly string[];
  readonly hardwareClass: string;
  readonly running: readonly RunningAssignment[];
}

/** A message on its way to the server. Sequences count up from 1 within one stream; the hello has none. */
export type NodeMessage =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "report"; readonly sequence: bigint; readonly report: NodeReport };

export interface Answer {
  readonly sequence: bigint;
  readonly accepted: boolean;
  readonly code: string;
  readonly message: string;
}

export type ServerMessage =
  | { readonly kind: "welcome"; readonly leaseSeconds: number }
  | { readonly kind: "assignment"; readonly assignment: Assignment }
  | ({ readonly kind: "cancel"; readonly reason: string; readonly keepModel: boolean } & Lease)
  /** An assignment that this node cannot even read: it is declined with this reason. */
  | ({ readonly kind: "unreadable"; readonly code: string; readonly message: string } & Lease)
  | ({ readonly kind: "answer" } & Answer)
  | { readonly kind: "drain"; readonly reason: string; readonly reconnectAfterMs: number };
