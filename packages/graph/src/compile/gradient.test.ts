/** Every layer's forward pass and gradients, run in ONNX Runtime, against the float64 reference. */
import { defined } from "@cyxwiz/primitives";
import { describe, expect, test } from "vitest";
import { compile } from "./compile.ts";
import { forward, lossOf } from "./reference-network.fixture.ts";
import { graphOf, predict, randomFloats, randomState, sizeOf, trainOnce } from "./run-compiled.fixture.ts";
import type { GraphRows, LayerRow } from "./run-compiled.fixture.ts";

const FEATURES = [6];
const IMAGE = [2, 7, 8];
const head: Readonly<Record<string, LayerRow>> = { out: ["Output", { classes: 3 }] };
const dense3: Readonly<Record<string, LayerRow>> = { last: ["Dense", { units: 3 }], ...head };
/** From an image to three scores. */
const imageHead: Readonly<Record<string, LayerRow>> = { flat: ["Flatten"], ...dense3 };
const first: Readonly<Record<string, LayerRow>> = { first: ["Dense", { units: 5 }] };
const conv = (params: NonNullable<LayerRow[1]>): Readonly<Record<string, LayerRow>> => ({
  before: ["Conv2D", { filters: 3, kernel_size: 2, padding: "valid" }],
  conv: ["Conv2D", { filters: 2, ...params }],
  ...imageHead,
});
/** Nine channels, so that the weight gradient takes its form for many. */
const wideConv = (params: NonNullable<LayerRow[1]>): Readonly<Record<string, LayerRow>> => ({
  before: ["Conv2D", { filters: 9, kernel_size: 1 }],
  conv: ["Conv2D", { filters: 2, ...params }],
  small: ["AvgPool2D", { pool_size: 2, stride: 3 }],
  ...imageHead,
});
const afterConv = (row: LayerRow): Readonly<Record<string, LayerRow>> => ({
  before: ["Conv2D", { filters: 2 }],
  layer: row,
  ...imageHead,
});

interface Case extends GraphRows {
  readonly sample: readonly number[];
  readonly batch?: number;
}

const CASES: Readonly<Record<string, Case>> = {
  "Dense on features": { sample: FEATURES, layers: { ...first, ...dense3 } },
  "Dense without bias": { sample: FEATURES, layers: { first: ["Dense", { units: 5, bias: false }], ...dense3 } },
  "Dense on a sequence": { sample: [4, 3], layers: { ...first, flat: ["Flatten"], ...dense3 } },
  ReLU: { sample: FEATURES, layers: { ...first, layer: ["ReLU"], ...dense3 } },
  GELU: { sample: FEATURES, layers: { ...first, layer: ["GELU"], ...dense3 } },
  Tanh: { sample: FEATURES, layers: { ...first, layer: ["Tanh"], ...dense3 } },
  Sigmoid: { sample: FEATURES, layers: { ...first, layer: ["Sigmoid"], ...dense3 } },
  "Softmax of the last axis": { sample: FEATURES, layers: { ...first, layer: ["Softmax"], ...dense3 } },
  "Softmax of the channels": { sample: IMAGE, layers: afterConv(["Softmax", { dim: 1 }]) },
  Dropout: { sample: FEATURES, layers: { ...first, layer: ["Dropout", { rate: 0.25 }], ...dense3 } },
  "Dropout of rate 0": { sample: FEATURES, layers: { ...first, layer: ["Dropout", { rate: 0 }], ...dense3 } },
  "BatchNorm of features": { sample: FEATURES, layers: { ...first, layer: ["BatchNorm"], ...dense3 } },
  "BatchNorm of an image": { sample: IMAGE, layers: afterConv(["BatchNorm", { momentum: 0.3, epsilon: 0.01 }]) },
  "BatchNorm of the samples": { sample: IMAGE, layers: { layer: ["BatchNorm"], ...imageHead } },
  "LayerNorm of features": { sample: FEATURES, layers: { ...first, layer: ["LayerNorm"], ...dense3 } },
  "LayerNorm of a sequence": {
    sample: [4, 3],
    layers: { ...first, layer: ["LayerNorm", { epsilon: 0.001 }], flat: ["Flatten"], ...dense3 },
  },
  "Add of two branches": {
    sample: FEATURES,
    layers: { ...first, more: ["Dense", { units: 5 }], layer: ["Add", {}, ["first", "more"]], ...dense3 },
  },
  "Add of one value to itself through two layers": {
    sample: FEATURES,
    layers: {
      ...first,
      left: ["ReLU", {}, ["first"]],
      right: ["ReLU", {}, ["first"]],
      layer: ["Add", {}, ["left", "right"]],
      ...dense3,
    },
  },
  "Concatenate of features": {
    sample: FEATURES,
    layers: {
      ...first,
      more: ["Dense", { units: 2 }, ["data"]],
      layer: ["Concatenate", {}, ["first", "more"]],
      ...dense3,
    },
  },
  "Concatenate of image columns": {
    sample: IMAGE,
    layers: {
      first: ["Conv2D", { filters: 2 }],
      more: ["MaxPool2D", { pool_size: 1, stride: 1 }, ["first"]],
      layer: ["Concatenate", { dim: 3 }, ["first", "more"]],
      ...imageHead,
    },
  },
  "Conv2D same": { sample: IMAGE, layers: conv({}) },
  "Conv2D same, kernel 4, stride 2": { sample: IMAGE, layers: conv({ kernel_size: 4, stride: 2 }) },
  "Conv2D valid, stride 2": { sample: IMAGE, layers: conv({ padding: "valid", stride: 2 }) },
  "Conv2D padding 2, stride 3": { sample: IMAGE, layers: conv({ padding: 2, stride: 3, kernel_size: 5 }) },
  "Conv2D padding beyond the kernel": { sample: IMAGE, layers: conv({ padding: 3, kernel_size: 2 }) },
  "Conv2D kernel 1, stride 2": { sample: IMAGE, layers: conv({ kernel_size: 1, stride: 2 }) },
  "Conv2D without bias, with ReLU": { sample: IMAGE, layers: conv({ bias: false, activation: "relu" }) },
  "Conv2D with GELU": { sample: IMAGE, layers: conv({ activation: "gelu", kernel_size: 2 }) },
  "Conv2D with Tanh": { sample: IMAGE, layers: conv({ activation: "tanh", kernel_size: 2 }) },
  "Conv2D with Sigmoid": { sample: IMAGE, layers: conv({ activation: "sigmoid", kernel_size: 2 }) },
  "Conv2D of many channels": { sample: IMAGE, layers: wideConv({}) },
  "Conv2D of many channels, stride 2": { sample: IMAGE, layers: wideConv({ stride: 2, kernel_size: 2 }) },
  MaxPool2D: { sample: IMAGE, layers: afterConv(["MaxPool2D"]) },
  "MaxPool2D of a ReLU": {
    sample: IMAGE,
    layers: { before: ["Conv2D", { filters: 3, activation: "relu" }], layer: ["MaxPool2D"], ...imageHead },
  },
  "MaxPool2D with overlapping windows": {
    sample: IMAGE,
    layers: afterConv(["MaxPool2D", { pool_size: 3, stride: 2 }]),
  },
  "MaxPool2D with gaps": { sample: IMAGE, layers: afterConv(["MaxPool2D", { pool_size: 2, stride: 3 }]) },
  AvgPool2D: { sample: IMAGE, layers: afterConv(["AvgPool2D"]) },
  "AvgPool2D with overlapping windows": {
    sample: IMAGE,
    layers: afterConv(["AvgPool2D", { pool_size: 3, stride: 2 }]),
  },
  MSELoss: { sample: FEATURES, loss: "MSELoss", layers: { ...first, layer: ["Tanh"], ...dense3 } },
  "MSELoss of a sequence": { sample: [4, 3], loss: "MSELoss", layers: { ...first, layer: ["Tanh"], ...dense3 } },
};

const DIFFERENCE = 1e-5;
const CHECKED_PER_WEIGHT = 40;

interface Prepared {
  readonly model: ReturnType<typeof compile>;
  readonly x: Float32Array;
  readonly labels: Float32Array;
  readonly masks: ReadonlyMap<string, Float32Array>;
  readonly state: ReadonlyMap<string, Float32Array>;
  reference(mode: "train" | "infer", weights: ReadonlyMap<string, Float64Array>): ReturnType<typeof forward>;
  readonly weights: ReadonlyMap<string, Float64Array>;
}

function setup(given: Case): Prepared {
  const { sample, batch = 4 } = given;
  const graph = graphOf(given);
  const model = compile(graph, { batchSize: batch, sampleShape: sample, stepsPerRun: 1 });
  const x = randomFloats(batch * sizeOf(sample), 99);
  const answers = batch * sizeOf(model.outputShape);
  const labels =
    model.task === "regress"
      ? randomFloats(answers, 98)
      : Float32Array.from({ length: batch }, (_, index) => index % 3);
  const masks = new Map(
    model.train.dropout.map(({ name, shape, rate }) => [
      name,
      randomFloats(batch * sizeOf(shape), 97).map((value) => (value < 2 * rate - 1 ? 0 : 1 / (1 - rate))),
    ]),
  );
  const state = randomState(model);
  const weights = new Map([...state].map(([name, values]) => [name, Float64Array.from(values)]));
  const tensor = { shape: [batch, ...sample], data: Float64Array.from(x) };
  const maskOf = new Map([...masks].map(([name, values]) => [name.replace(".mask", ""), Float64Array.from(values)]));
  const reference: Prepared["reference"] = (mode, at) =>
    forward({ graph, mode, x: tensor, weights: at, masks: maskOf });
  return { model, x, labels, masks, state, reference, weights };
}

/** Elements of one weight that are checked, spread evenly: all of a small one. */
function checkedElements(count: number): readonly number[] {
  const step = Math.ceil(count / CHECKED_PER_WEIGHT);
  return Array.from({ length: Math.ceil(count / step) }, (_, index) => index * step);
}

/** Central differences of the reference's loss by the checked elements of one weight. */
function differences({ model, labels, reference, weights }: Prepared, name: string): readonly number[] {
  const values = defined(weights.get(name), name);
  const lossAt = (index: number, shift: number): number => {
    const moved = values.slice();
    moved[index] = defined(moved[index], "an element") + shift;
    return lossOf(reference("train", new Map(weights).set(name, moved)).predictions, labels, model.task);
  };
  return checkedElements(values.length).map(
    (index) => (lossAt(index, DIFFERENCE) - lossAt(index, -DIFFERENCE)) / (2 * DIFFERENCE),
  );
}

/**
 * Largest difference, relative to the largest expected magnitude, or to 0.01 where that is larger: a bias before a
 * BatchNorm has the gradient 0, and only float32 rounding is left of it.
 */
function relativeError(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
  return expected.reduce((most, value, index) => Math.max(most, Math.abs(value - (actual[index] ?? NaN)) / largest), 0);
}

describe.each(Object.entries(CASES))("%s", (_name, given) => {
  const prepared = setup(given);
  const { model, x, labels, masks, state, reference, weights } = prepared;

  test("[CM3] predicts what the formula says", async () => {
    const expected = reference("infer", weights).predictions.data;
    expect(relativeError([...(await predict(model, state, x))], [...expected])).toBeLessThan(1e-5);
  });

  test("[CM3] has the loss, the gradients and the statistics that the formula says", async () => {
    const result = await trainOnce(model, state, { xs: x, ys: labels, masks });
    const { predictions, statistics } = reference("train", weights);
    expect(result.losses[0]).toBeCloseTo(lossOf(predictions, labels, model.task), 5);
    for (const { name, role } of model.state) {
      // With momentum and no velocity yet, the velocity after one step is the gradient.
      if (role === "weight") {
        const velocity = defined(result.state.get(`${name}.momentum_buffer`), name);
        const gradient = checkedElements(velocity.length).map((index) => defined(velocity[index], "an element"));
        expect(relativeError(gradient, differences(prepared, name)), `gradient of ${name}`).toBeLessThan(2e-5);
      }
      if (role === "statistic") {
        const expected = defined(statistics.get(name), name);
        const actual = [...defined(result.state.get(name), name)];
        expect(relativeError(actual, [...expected]), name).toBeLessThan(1e-5);
      }
    }
  });
});

test("the weight gradient of a large convolution is the mean of its samples' gradients", async () => {
  // 8 · 64 · 64 output positions take the form per sample, 64 · 64 the form over all samples.
  const sampleShape = [8, 64, 64];
  const graph = graphOf({
    layers: { conv: ["Conv2D", { filters: 2 }], pool: ["AvgPool2D", { pool_size: 32, stride: 32 }], ...imageHead },
  });
  const whole = compile(graph, { batchSize: 8, sampleShape, stepsPerRun: 1 });
  const single = compile(graph, { batchSize: 1, sampleShape, stepsPerRun: 1 });
  const state = randomState(whole);
  const size = sizeOf(sampleShape);
  const xs = randomFloats(8 * size, 5);
  const ys = [0, 1, 2, 0, 1, 2, 0, 1];
  const gradientOf = async (model: typeof whole, x: Float32Array, labels: readonly number[]) => {
    const result = await trainOnce(model, state, { xs: x, ys: labels });
    return [...defined(result.state.get("conv.weight.momentum_buffer"), "the gradient")];
  };
  const expected = Array.from({ length: 2 * 8 * 9 }, () => 0);
  for (const [sample, label] of ys.entries()) {
    const part = await gradientOf(single, xs.slice(sample * size, (sample + 1) * size), [label]);
    for (const [index, value] of part.entries()) expected[index] = (expected[index] ?? NaN) + value / ys.length;
  }
  expect(relativeError(await gradientOf(whole, xs, ys), expected)).toBeLessThan(1e-5);
});
