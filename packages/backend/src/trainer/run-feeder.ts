/**
 * The inputs of any run of updates: a pure function of model, data, seed, learning rate and place.
 *
 * Epoch e shuffles with Philox stream `shuffle`, index e; the masks of update t come from stream `dropout`, index t, with
 * the layer's lane. So update t sees the same numbers whatever came before it and however many updates one run takes.
 * Updates are steps until a user makes the batch smaller; from then on one step's samples are shared out over several.
 */
import type { CompiledModel } from "@cyxwiz/graph";
import { defined, permutation, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import type { BatchSource } from "../dataset/batch-source.ts";
import { elements } from "../dataset/samples.ts";
import type { RunInputs } from "../driver/training-driver.ts";
import type { TrainingPlan } from "./training-plan.ts";

/** Where a run begins. */
export interface RunPlace {
  /** The step that its first update belongs to. */
  readonly step: number;
  /** Updates of that step which came before. */
  readonly part: number;
  /** Number of the first update, counted from 1 over the whole job. */
  readonly update: number;
  readonly learningRate: number;
}

export class RunFeeder {
  readonly #source: BatchSource;
  readonly #plan: TrainingPlan;
  readonly #seed: bigint;
  #epoch = 0;
  #order: Uint32Array = new Uint32Array(0);

  constructor(source: BatchSource, plan: TrainingPlan, seed: bigint) {
    this.#source = source;
    this.#plan = plan;
    this.#seed = seed;
  }

  /** Inputs of the updates that one run of the compiled model makes. */
  inputs(model: CompiledModel, place: RunPlace): RunInputs {
    const { batchSize, task, outputShape, train } = model;
    const updates = train.stepsPerRun;
    const samples = updates * batchSize;
    const xs = new Float32Array(samples * elements(model.sampleShape));
    const ys = task === "classify" ? new BigInt64Array(samples) : new Float32Array(samples * elements(outputShape));
    const updatesPerStep = this.#plan.batchSize / batchSize;
    for (let i = 0; i < updates; i++) {
      const done = place.part + i;
      const part = done % updatesPerStep;
      const rows = this.#rowsOf(place.step + Math.floor(done / updatesPerStep));
      rows.subarray(part * batchSize, (part + 1) * batchSize).forEach((row, j) => {
        this.#source.copyInput(row, xs, i * batchSize + j);
        this.#source.copyTarget(row, ys, i * batchSize + j);
      });
    }
    return { xs, ys, scalars: scalarsOf(model, place), masks: this.#masks(model, place.update) };
  }

  #rowsOf(step: number): Uint32Array {
    const { batchSize, stepsPerEpoch } = this.#plan;
    const epoch = this.#plan.epochOf(step);
    if (epoch !== this.#epoch) {
      this.#order = permutation(this.#source.count, new PhiloxStream(this.#seed, STREAM.shuffle, epoch));
      this.#epoch = epoch;
    }
    const offset = ((step - 1) % stepsPerEpoch) * batchSize;
    return this.#order.subarray(offset, offset + batchSize);
  }

  #masks({ batchSize, train }: CompiledModel, first: number): readonly Float32Array[] {
    return train.dropout.map(({ shape, rate, lane }) => {
      const size = batchSize * elements(shape);
      const mask = new Float32Array(train.stepsPerRun * size);
      const kept = 1 / (1 - rate);
      for (let i = 0; i < train.stepsPerRun; i++) {
        const random = new PhiloxStream(this.#seed, STREAM.dropout, first + i, lane);
        for (let j = 0; j < size; j++) mask[i * size + j] = random.nextUnit() < rate ? 0 : kept;
      }
      return mask;
    });
  }
}

function scalarsOf(model: CompiledModel, { update, learningRate }: RunPlace): readonly Float32Array[] {
  const { scalarNames, stepsPerRun } = model.train;
  const scalars = scalarNames.map(() => new Float32Array(stepsPerRun));
  for (let i = 0; i < stepsPerRun; i++) {
    const values = model.scalarsAt(update + i, learningRate);
    scalars.forEach((scalar, name) => (scalar[i] = defined(values[name], "an optimizer scalar")));
  }
  return scalars;
}
