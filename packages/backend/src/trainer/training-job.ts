/** What a trainer is asked to do and what it says while it does it: the same for every driver. */

export interface TrainingJob {
  /** The graph as a `.cyxwiz` document, version 1. */
  readonly graph: string;
  /** Path of a dataset object (see `dataset/dataset-object.ts`). */
  readonly datasetPath: string;
  readonly batchSize: number;
  readonly epochs: number;
  /** The optimizer's own rate when absent. */
  readonly learningRate?: number;
  /** Unsigned 64-bit integer, as a decimal string: initial weights, shuffling and dropout come from it. */
  readonly seed: string;
  readonly checkpointEverySteps: number;
  /** A checkpoint to go on from: the run is then bit-equal to one that was never broken. */
  readonly resumeFrom?: string;
  readonly outputDir: string;
  /** Part of what decides the bits: a run that is to be equal to another uses as many. */
  readonly threads: number;
  /** Changes by the user, in their order. One with a step holds from the step after it; one without at once. */
  readonly changes?: readonly TrainingChange[];
  /** Runs an interval of the job again to check it, instead of training to the end. */
  readonly replay?: Replay;
}

/** What a user may change while a job runs. */
export interface TrainingChange {
  /** Unique in its job: a change that comes again with the same id is taken once. */
  readonly id: string;
  /** The last step before it took effect; absent while it waits. */
  readonly step?: number;
  readonly learningRate?: number;
  /**
   * Divides the job's batch. A step stays the job's batch of samples, in several updates, so that steps keep their
   * number, their data and their price.
   */
  readonly batchSize?: number;
  /** The training ends here, with the model as it is. */
  readonly stop?: boolean;
}

/** Steps from `resumeFrom` (else from the initial state) to `toStep`, and what is to be made of their end. */
export interface Replay {
  readonly toStep: number;
  /** Make ONNX and weights too: of the checkpoint `modelFrom`, or of the replayed state where that is absent. */
  readonly withModel: boolean;
  readonly modelFrom?: string;
  /** A checkpoint at `toStep` to measure the distance to. */
  readonly claim?: string;
}

export type TrainingEvent =
  | {
      readonly kind: "started";
      readonly firstStep: number;
      readonly totalSteps: number;
      readonly stepsPerEpoch: number;
      readonly lowering: string;
      readonly build: string;
      /** SHA-256 of the state before step 1 as a checkpoint file. */
      readonly initialSha256: string;
    }
  /** A change took effect after this step. Comes between the checkpoints in the order of what happened. */
  | { readonly kind: "changed"; readonly id: string; readonly step: number }
  | {
      readonly kind: "progress";
      readonly step: number;
      readonly epoch: number;
      /** Means over the steps since the last progress event. */
      readonly loss: number;
      readonly accuracy?: number;
      readonly samplesPerSecond: number;
      readonly secondsLeft: number;
    }
  | {
      readonly kind: "epoch";
      readonly epoch: number;
      readonly step: number;
      readonly testLoss: number;
      readonly testAccuracy?: number;
    }
  | {
      readonly kind: "checkpoint";
      readonly step: number;
      readonly path: string;
      readonly sha256: string;
      readonly sizeBytes: number;
    }
  | {
      readonly kind: "finished";
      readonly step: number;
      readonly metrics: Readonly<Record<string, number>>;
      readonly onnxPath: string;
      readonly weightsPath: string;
      readonly weightsSha256: string;
      readonly seconds: number;
    }
  | {
      /** Ends a replay. */
      readonly kind: "replayed";
      readonly step: number;
      /** Of the state at that step as a checkpoint file. */
      readonly endSha256: string;
      readonly onnxSha256?: string;
      readonly weightsSha256?: string;
      /** ‖own end − claim‖ ÷ ‖claim − start‖, over weights and statistics. */
      readonly distance?: number;
      readonly seconds: number;
    }
  | {
      readonly kind: "failed";
      readonly blame: "job" | "node";
      readonly code: string;
      readonly message: string;
      readonly step: number;
    };
