/**
 * What node and Central Server say to each other about work, in the node's own words.
 *
 * The wire form (market.proto) is mapped in `wire-*.ts` alone. Steps are plain numbers, fencing tokens stay `bigint`,
 * and a seed stays the decimal string that it is on the wire: it may be larger than a number can hold.
 */
import type { ComputedRound } from "@cyxwiz/backend";
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

/** A change that the user made to a running job, as the server countersigned it. */
export interface LiveChange {
  readonly changeId: string;
  /** The last step before it took effect; absent while it waits. */
  readonly step?: number;
  readonly learningRate?: number;
  readonly batchSize?: number;
  /** The job ends with the model as it is. */
  readonly stop: boolean;
  readonly signature: string;
}

/** What every kind of work is given. */
export interface WorkOrder extends Lease {
  readonly jobId: JobId;
  readonly unitId: UnitId;
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
  /** The build that the work is pinned to; absent: any. */
  readonly build?: string;
  readonly totalSteps: number;
  /** Those that took effect, with their step, and those that wait, in their order. */
  readonly changes: readonly LiveChange[];
  /** 0: all of the unit. A re-run has to name those of the work that it repeats. */
  readonly threads: number;
  /** 0: all of the unit. */
  readonly memoryBytes: number;
}

/** Train a job, from its start or from a checkpoint of an earlier attempt. */
export interface TrainAssignment extends WorkOrder {
  readonly kind: "TRAIN";
  readonly resume?: StoredCheckpoint;
  /** Head of the checkpoint chain up to `resume`; there when `resume` is. */
  readonly chainHead?: string;
}

/** Run a piece of a job again, blind: what is claimed of its end is not in it. */
export interface VerifyAssignment extends WorkOrder {
  readonly kind: "VERIFY";
  readonly rerun: RerunTask;
}

export type Assignment = TrainAssignment | VerifyAssignment;

export interface RerunTask {
  readonly fromStep: number;
  readonly toStep: number;
  /** Absent: the initial state, from the seed. */
  readonly start?: StoredCheckpoint;
  /** The model is to be made again: of the checkpoint `model`, or of the re-run's own state where that is absent. */
  readonly withModel: boolean;
  readonly model?: StoredCheckpoint;
  /** The claimed state at `toStep`, to measure the distance to; given only across classes. */
  readonly claim?: StoredCheckpoint;
  /** The training was claimed to fail, by the job's own fault, after `toStep` at the latest. */
  readonly expectsFailure: boolean;
}

export interface RunningAssignment extends Lease {
  readonly kind: Assignment["kind"];
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

/** With what a result or a finding was computed: bits are equal only where all three are. */
export interface ComputedWith {
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
}

/** What a re-run found. Hashes are lower-case hex SHA-256. */
interface RerunFinding extends ComputedWith {
  /** Of the state before step 1; absent when the training failed before it had one. */
  readonly initialSha256?: string;
  readonly endSha256?: string;
  readonly onnxSha256?: string;
  readonly weightsSha256?: string;
  /** ‖own end − claim‖ ÷ ‖claim − start‖, where a claim was given. */
  readonly distance?: number;
  /** It failed by the job's own fault, after this step. */
  readonly failure?: { readonly code: string; readonly step: number };
  readonly seconds: number;
}

/** What is said of an assignment. */
export type ReportBody =
  | { readonly kind: "accepted" }
  | { readonly kind: "declined"; readonly code: string; readonly message: string }
  | ({ readonly kind: "progress" } & Progress)
  | ({ readonly kind: "checkpoint"; readonly initialSha256: string } & StoredCheckpoint)
  /** A change took effect after this step. Comes in the order of the checkpoints. */
  | { readonly kind: "changed"; readonly changeId: string; readonly step: number }
  | ({
      readonly kind: "result";
      readonly step: number;
      readonly metrics: Readonly<Record<string, number>>;
      readonly onnx: Artifact;
      readonly weights: Artifact;
      readonly seconds: number;
      /** Root of the checkpoint chain, initial state and result included. */
      readonly chainRoot: string;
      readonly initialSha256: string;
    } & ComputedWith)
  | ({ readonly kind: "rerun" } & RerunFinding)
  | {
      readonly kind: "failed";
      readonly blame: Blame;
      readonly code: string;
      readonly message: string;
      readonly step: number;
    }
  | { readonly kind: "cancelled"; readonly step: number; readonly onnx?: Artifact; readonly weights?: Artifact };

/** A message about one assignment, from the node. */
export type NodeReport = Lease & ReportBody;

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
  | { readonly kind: "calibration"; readonly answer: CalibrationAnswer }
  | { readonly kind: "report"; readonly sequence: bigint; readonly report: NodeReport };

export interface Answer {
  readonly sequence: bigint;
  readonly accepted: boolean;
  readonly code: string;
  readonly message: string;
}

/** A seeded chain of matrix products that shows what a unit can do. */
export interface CalibrationTask {
  readonly challengeId: string;
  readonly unitId: string;
  /** Unsigned 64-bit, in decimal digits. */
  readonly seed: string;
  readonly rounds: readonly { readonly size: number; readonly products: number }[];
  readonly secondsAtMost: number;
  readonly signature: string;
}

/** What a unit computed of a calibration task, or why it did not. */
export interface CalibrationAnswer {
  readonly challengeId: string;
  readonly unitId: string;
  readonly busy: boolean;
  readonly results: readonly ComputedRound[];
  /** "" when it could. */
  readonly code: string;
  readonly message: string;
}

export type ServerMessage =
  | { readonly kind: "welcome"; readonly leaseSeconds: number }
  | { readonly kind: "assignment"; readonly assignment: Assignment }
  | ({ readonly kind: "cancel"; readonly reason: string; readonly keepModel: boolean } & Lease)
  | ({ readonly kind: "change"; readonly change: LiveChange } & Lease)
  | { readonly kind: "calibration"; readonly task: CalibrationTask }
  /** An assignment that this node cannot even read: it is declined with this reason. */
  | ({ readonly kind: "unreadable"; readonly code: string; readonly message: string } & Lease)
  /** A message that nobody waits to have declined, and that this node cannot read. */
  | { readonly kind: "ignored"; readonly what: string; readonly problem: string }
  | ({ readonly kind: "answer" } & Answer)
  | { readonly kind: "drain"; readonly reason: string; readonly reconnectAfterMs: number };
