/**
 * What the compiler hands to a training driver: ONNX bytes plus the exact contract of their inputs and outputs.
 *
 * Weights are graph inputs, so the bytes stay small and a driver can carry state from run to run without copying it
 * through the graph. All floats are float32; labels are int64 for cross-entropy and float32 for mean squared error.
 */
import type { Initializer, Shape } from "../layer/layer-definition.ts";

/**
 * A tensor that the driver carries from step to step: fed as `name`, read back as `name + "'"`.
 *
 * Names: `<node id>.weight`, `.bias`, `.running_mean`, `.running_var`, and of the optimizer `<weight's name>.momentum_buffer`
 * (SGD) or `.adam_m` and `.adam_v`, which are PyTorch's exp_avg/(1 − β₁) and exp_avg_sq/(1 − β₂).
 */
export interface StateTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly role: "weight" | "statistic" | "optimizer";
  readonly init: Initializer;
}

/** A float32 input `<node id>.mask` [K, batch, ...shape] that holds 0 with probability `rate` and 1/(1−rate) otherwise. */
export interface DropoutInput {
  readonly name: string;
  /** Position of the layer in the graph's list of nodes, from 0: the Philox lane of its masks. */
  readonly lane: number;
  readonly shape: Shape;
  readonly rate: number;
}

/**
 * K training steps in one ONNX `Loop`.
 *
 * Inputs: `xs` f32 [K, batch, ...sample]; `ys` labels [K, batch] i64 or [K, batch, ...target] f32; each optimizer scalar,
 * f32 [K]; each dropout mask; every state tensor. Outputs: every state tensor's new value, `losses` f32 [K], and for
 * classifiers `correct` f32 [K] (how many of the batch were right before the step).
 */
export interface TrainProgram {
  readonly onnx: Uint8Array;
  readonly stepsPerRun: number;
  readonly scalarNames: readonly string[];
  readonly dropout: readonly DropoutInput[];
}

/**
 * Inputs: `x` f32 [batch, ...sample] with any batch, weights and statistics. Output: `y` f32 [batch, ...output]. Holds no
 * vendor operator.
 */
export interface PredictProgram {
  readonly onnx: Uint8Array;
}

export interface CompiledModel {
  /** Names this way of lowering; part of every receipt, because results are bit-identical only within it. */
  readonly lowering: string;
  readonly batchSize: number;
  readonly sampleShape: Shape;
  readonly outputShape: Shape;
  readonly task: "classify" | "regress";
  readonly state: readonly StateTensor[];
  readonly train: TrainProgram;
  readonly predict: PredictProgram;
  /** The optimizer's per-step scalars for step t (from 1), by `scalarNames`. */
  scalarsAt(step: number, learningRate: number): readonly number[];
  readonly defaultLearningRate: number;
  /**
   * The user's own file: forward graph with a free batch axis, weights inside, no vendor operators. Input `input`
   * [batch, ...sample], output `output` [batch, ...answer]. `weights` holds every weight and statistic by name.
   * @throws AppError `graph/weight-not-found`, `graph/weight-size-mismatch`.
   */
  exportOnnx(weights: ReadonlyMap<string, Float32Array>): Uint8Array;
}

export interface CompileOptions {
  readonly batchSize: number;
  readonly sampleShape: Shape;
  readonly stepsPerRun: number;
}
