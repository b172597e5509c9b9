/**
 * The inputs of any run of steps: a pure function of model, data, seed and step number.
 *
 * Epoch e shuffles with Philox stream `shuffle`, index e; the masks of step t come from stream `dropout`, index t, with
 * the layer's lane. So step t sees the same numbers whatever came before it and however many steps one run takes.
 */
import type { CompiledModel } from "@cyxwiz/graph";
import { defined, permutation, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import type { BatchSource } from "../dataset/batch-source.ts";
import { elements } from "../dataset/samples.ts";
import type { RunInputs } from "../driver/training-driver.ts";
import type { TrainingPlan } from "./training-plan.ts";

export interface FeedSettings {
  readonly seed: bigint;
  readonly learningRate: number;
}

export class RunFeeder {
  readonly #source: BatchSource;
  readonly #plan: TrainingPlan;
  readonly #settings: FeedSettings;
  #epoch = 0;
  #order: Uint32Array = new Uint32Array(0);

  constructor(source: BatchSource, plan: TrainingPlan, settings: FeedSettings) {
    this.#source = source;
    this.#plan = plan;
    this.#settings = settings;
  }

  /** Inputs of the steps `first` … `first` + K − 1 of the compiled model. */
  inputs(model: CompiledModel, first: number): RunInputs {
    const { batchSize, task, outputShape, train } = model;
    const steps = train.stepsPerRun;
    const samples = steps * batchSize;
    const xs = new Float32Array(samples * elements(model.sampleShape));
    const ys = task === "classify" ? new BigInt64Array(samples) : new Float32Array(samples * elements(outputShape));
    for (let i = 0; i < steps; i++) {
      const rows = this.#rowsOf(first + i, batchSize);
      rows.forEach((row, j) => {
        this.#source.copyInput(row, xs, i * batchSize + j);
        this.#source.copyTarget(row, ys, i * batchSize + j);
      });
    }
    return { xs, ys, scalars: this.#scalars(model, first), masks: this.#masks(model, first) };
  }

  #rowsOf(step: number, batchSize: number): Uint32Array {
    const epoch = this.#plan.epochOf(step);
    if (epoch !== this.#epoch) {
      this.#order = permutation(this.#source.count, new PhiloxStream(this.#settings.seed, STREAM.shuffle, epoch));
      this.#epoch = epoch;
    }
    const offset = ((step - 1) % this.#plan.stepsPerEpoch) * batchSize;
    return this.#order.subarray(offset, offset + batchSize);
  }

  #scalars(model: CompiledModel, first: number): readonly Float32Array[] {
    const { scalarNames, stepsPerRun } = model.train;
    const scalars = scalarNames.map(() => new Float32Array(stepsPerRun));
    for (let i = 0; i < stepsPerRun; i++) {
      const values = model.scalarsAt(first + i, this.#settings.learningRate);
      scalars.forEach((scalar, name) => (scalar[i] = defined(values[name], "an optimizer scalar")));
    }
    return scalars;
  }

  #masks({ batchSize, train }: CompiledModel, first: number): readonly Float32Array[] {
    return train.dropout.map(({ shape, rate, lane }) => {
      const size = batchSize * elements(shape);
      const mask = new Float32Array(train.stepsPerRun * size);
      const kept = 1 / (1 - rate);
      for (let i = 0; i < train.stepsPerRun; i++) {
        const random = new PhiloxStream(this.#settings.seed, STREAM.dropout, first + i, lane);
        for (let j = 0; j < size; j++) mask[i * size + j] = random.nextUnit() < rate ? 0 : kept;
      }
      return mask;
    });
  }
}
