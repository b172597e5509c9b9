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
  readonly threads: number;
}

export type TrainingEvent =
  | {
      readonly kind: "started";
      readonly firstStep: number;
      readonly totalSteps: number;
      readonly stepsPerEpoch: number;
      readonly lowering: string;
      readonly build: string;
    }
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
      readonly kind: "failed";
      readonly blame: "job" | "node";
      readonly code: string;
      readonly message: string;
      readonly step: number;
    };
