/**
 * The training driver port: what runs a compiled model's steps.
 *
 * A driver knows tensors and nothing of jobs, epochs or files. Same model, state and inputs give the same bits on every
 * run of one driver build on one class of hardware with one number of threads; two drivers need not agree. (More threads
 * part some products otherwise and so sum them in another order.)
 */
import type { CompiledModel } from "@cyxwiz/graph";

export type StateTensors = ReadonlyMap<string, Float32Array>;

/** Inputs of one run of K = `model.train.stepsPerRun` steps. */
export interface RunInputs {
  /** [K, batch, ...sample] */
  readonly xs: Float32Array;
  /** [K, batch] class numbers, or [K, batch, ...output] targets. */
  readonly ys: BigInt64Array | Float32Array;
  /** One [K] per name of `model.train.scalarNames`. */
  readonly scalars: readonly Float32Array[];
  /** One [K, batch, ...shape] per entry of `model.train.dropout`. */
  readonly masks: readonly Float32Array[];
}

export interface RunResult {
  /** [K] mean loss of each step's batch, before the step. */
  readonly losses: Float32Array;
  /** [K] how many of each batch were right, for classifiers. */
  readonly correct: Float32Array | undefined;
}

/** One model being trained. Calls must not overlap. Every method throws AppError `backend/driver-failed`. */
export interface TrainingSession extends AsyncDisposable {
  /** K steps; the state afterwards is the session's new state. */
  run(inputs: RunInputs): Promise<RunResult>;
  /** Shapes: x [samples, ...sample] → [samples, ...output]. */
  predict(x: Float32Array, samples: number): Promise<Float32Array>;
  /** A copy of every state tensor, by name. */
  readState(): Promise<StateTensors>;
  /** Replaces the whole state; the session starts without one. The values are copied. */
  writeState(state: StateTensors): Promise<void>;
}

export interface TrainingDriver {
  readonly id: string;
  /** Library, version, operating system and processor kind: results are bit-equal only within one build. */
  readonly build: string;
  open(model: CompiledModel, options: { readonly threads: number }): Promise<TrainingSession>;
}
