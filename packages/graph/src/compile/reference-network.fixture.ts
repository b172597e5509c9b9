/**
 * What every layer means, in float64 and plain loops: the contract that lowerings are held to.
 *
 * Written from the formulas of the layers' documentation, not from the lowerings, and slow. Gradients come from central
 * differences of it, so that no backward formula is written twice.
 */
import { assert, AssertionError, defined } from "@cyxwiz/primitives";
import type { Params } from "../layer/layer-definition.ts";
import { numberParam, textParam } from "../layers/read-param.ts";
import { CATALOGUE } from "../layers/catalogue.ts";
import type { Graph, GraphNode } from "../model/graph.ts";
import { inferShapes } from "../shape/infer-shapes.ts";
import type { ShapedGraph } from "../shape/infer-shapes.ts";

/** A tensor with its batch axis; the last axis runs fastest. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export interface ReferenceInput {
  readonly graph: Graph;
  readonly mode: "train" | "infer";
  readonly x: Tensor;
  readonly weights: ReadonlyMap<string, Float64Array>;
  /** By node id. */
  readonly masks?: ReadonlyMap<string, Float64Array>;
}

export interface ReferenceResult {
  readonly predictions: Tensor;
  readonly statistics: ReadonlyMap<string, Float64Array>;
}

interface Layer {
  readonly node: GraphNode;
  readonly params: Params;
  readonly shape: readonly number[];
  readonly run: ReferenceInput;
  readonly statistics: Map<string, Float64Array>;
  weight(suffix: string): Float64Array;
}

export function forward(run: ReferenceInput): ReferenceResult {
  const batch = at(run.x.shape, 0);
  const shaped = inferShapes(run.graph, run.x.shape.slice(1));
  assert(shaped.kind === "ok", "the reference is asked for a correct graph");
  const values = new Map<string, Tensor>();
  const statistics = new Map<string, Float64Array>();
  for (const node of shaped.order) {
    // The loss is `lossOf`; the optimizer is not part of a forward pass.
    if (["loss", "optimizer"].includes(CATALOGUE[node.type].role)) continue;
    const layer = readLayer(run, shaped, node, batch);
    const inputs = (shaped.sources.get(node.id) ?? []).map((id) => defined(values.get(id), id));
    values.set(node.id, evaluate(inputs, { ...layer, statistics }));
  }
  const output = defined(
    shaped.order.find((node) => node.type === "Output"),
    "the Output",
  );
  return { predictions: defined(values.get(output.id), "the answer"), statistics };
}

function readLayer(
  run: ReferenceInput,
  shaped: ShapedGraph,
  node: GraphNode,
  batch: number,
): Omit<Layer, "statistics"> {
  return {
    node,
    run,
    params: defined(shaped.params.get(node.id), "parameters"),
    shape: [batch, ...defined(shaped.shapes.get(node.id), "a shape")],
    weight: (suffix) => defined(run.weights.get(`${node.id}.${suffix}`), suffix),
  };
}

function evaluate(inputs: readonly Tensor[], layer: Layer): Tensor {
  const { node, params, run, shape } = layer;
  if (node.type === "DatasetInput") return run.x;
  const x = defined(inputs[0], "an input");
  const map = (f: (value: number, index: number) => number): Tensor => ({ shape, data: x.data.map(f) });
  switch (node.type) {
    case "Flatten":
    case "Output":
      return { shape, data: x.data };
    case "ReLU":
      return map((value) => Math.max(value, 0));
    case "GELU":
      return map((value) => (value * (1 + erf(value * Math.SQRT1_2))) / 2);
    case "Tanh":
      return map(Math.tanh);
    case "Sigmoid":
      return map((value) => 1 / (1 + Math.exp(-value)));
    case "Dropout": {
      const mask = run.mode === "train" ? run.masks?.get(node.id) : undefined;
      return map((value, index) => value * (mask ? at(mask, index) : 1));
    }
    case "Add":
      return map((_, index) => inputs.reduce((sum, input) => sum + at(input.data, index), 0));
    case "Dense":
      return dense(x, layer);
    case "Conv2D":
      return conv2d(x, layer);
    case "MaxPool2D":
      return pool(x, layer, (window) => Math.max(...window));
    case "AvgPool2D":
      return pool(x, layer, (window) => window.reduce((sum, value) => sum + value, 0) / window.length);
    case "Softmax":
      return softmax(x, params);
    case "BatchNorm":
      return batchNorm(x, layer);
    case "LayerNorm":
      return layerNorm(x, layer);
    case "Concatenate":
      return concatenate(inputs, layer);
    default:
      throw new AssertionError(`the reference has no ${node.type}`);
  }
}

/** The mean loss over the batch. Labels: class numbers, or targets of the predictions' shape. */
export function lossOf(predictions: Tensor, labels: ArrayLike<number>, kind: "classify" | "regress"): number {
  const batch = at(predictions.shape, 0);
  if (kind === "regress") {
    return (
      predictions.data.reduce((sum, value, index) => sum + (value - at(labels, index)) ** 2, 0) /
      predictions.data.length
    );
  }
  const classes = predictions.data.length / batch;
  let total = 0;
  for (let sample = 0; sample < batch; sample++) {
    const scores = predictions.data.subarray(sample * classes, (sample + 1) * classes);
    total += Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - at(scores, at(labels, sample));
  }
  return total / batch;
}

function at(values: ArrayLike<number>, index: number): number {
  return defined(values[index], `element ${index}`);
}

/** The power series, exact to 1e-14 for |x| < 4. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function dense(x: Tensor, layer: Layer): Tensor {
  const features = at(x.shape, x.shape.length - 1);
  const units = numberParam(layer.params, "units");
  const weight = layer.weight("weight");
  const bias = layer.params["bias"] === true ? layer.weight("bias") : new Float64Array(units);
  const rows = x.data.length / features;
  const data = new Float64Array(rows * units);
  for (let row = 0; row < rows; row++) {
    for (let unit = 0; unit < units; unit++) {
      let sum = at(bias, unit);
      for (let k = 0; k < features; k++) sum += at(x.data, row * features + k) * at(weight, unit * features + k);
      data[row * units + unit] = sum;
    }
  }
  return { shape: layer.shape, data };
}

/** Zeros before an axis, by the definition of each word. */
function padBefore(extent: number, params: Params): number {
  const padding = params["padding"];
  if (padding === "valid") return 0;
  if (typeof padding === "number") return padding;
  const stride = numberParam(params, "stride");
  const needed = (Math.ceil(extent / stride) - 1) * stride + numberParam(params, "kernel_size") - extent;
  return Math.floor(Math.max(needed, 0) / 2);
}

const ACTIVATIONS: Readonly<Record<string, (value: number) => number>> = {
  none: (value) => value,
  relu: (value) => Math.max(value, 0),
  gelu: (value) => (value * (1 + erf(value * Math.SQRT1_2))) / 2,
  tanh: Math.tanh,
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
};

function conv2d(x: Tensor, layer: Layer): Tensor {
  const { params, shape } = layer;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [, filters, outHeight, outWidth] = shape as [number, number, number, number];
  const kernel = numberParam(params, "kernel_size");
  const stride = numberParam(params, "stride");
  const weight = layer.weight("weight");
  const bias = params["bias"] === true ? layer.weight("bias") : new Float64Array(filters);
  const activate = defined(ACTIVATIONS[textParam(params, "activation")], "the activation");
  const [top, left] = [padBefore(height, params), padBefore(width, params)];
  const data = new Float64Array(batch * filters * outHeight * outWidth);
  let index = 0;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < filters; o++) {
      for (let i = 0; i < outHeight; i++) {
        for (let j = 0; j < outWidth; j++) {
          let sum = at(bias, o);
          for (let tap = 0; tap < channels * kernel * kernel; tap++) {
            const c = Math.floor(tap / (kernel * kernel));
            const row = i * stride - top + (Math.floor(tap / kernel) % kernel);
            const column = j * stride - left + (tap % kernel);
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            const pixel = at(x.data, ((n * channels + c) * height + row) * width + column);
            sum += pixel * at(weight, o * channels * kernel * kernel + tap);
          }
          data[index++] = activate(sum);
        }
      }
    }
  }
  return { shape, data };
}

function pool(x: Tensor, layer: Layer, reduce: (window: readonly number[]) => number): Tensor {
  const [, , height, width] = x.shape as [number, number, number, number];
  const [batch, channels, outHeight, outWidth] = layer.shape as [number, number, number, number];
  const size = numberParam(layer.params, "pool_size");
  const stride = numberParam(layer.params, "stride");
  const data: number[] = [];
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        const window = Array.from({ length: size * size }, (_, tap) => {
          const row = i * stride + Math.floor(tap / size);
          return at(x.data, (plane * height + row) * width + j * stride + (tap % size));
        });
        data.push(reduce(window));
      }
    }
  }
  return { shape: layer.shape, data: Float64Array.from(data) };
}

/** Elements per step along `axis`, and steps. */
function strideOf(shape: readonly number[], axis: number): { readonly inner: number; readonly extent: number } {
  return { inner: shape.slice(axis + 1).reduce((product, extent) => product * extent, 1), extent: at(shape, axis) };
}

function softmax(x: Tensor, params: Params): Tensor {
  const dim = numberParam(params, "dim");
  const { inner, extent } = strideOf(x.shape, dim === -1 ? x.shape.length - 1 : dim);
  const data = new Float64Array(x.data.length);
  for (let index = 0; index < data.length; index++) {
    const start = index - (Math.floor(index / inner) % extent) * inner;
    let total = 0;
    for (let k = 0; k < extent; k++) total += Math.exp(at(x.data, start + k * inner));
    data[index] = Math.exp(at(x.data, index)) / total;
  }
  return { shape: x.shape, data };
}

function batchNorm(x: Tensor, layer: Layer): Tensor {
  const { inner, extent: channels } = strideOf(x.shape, 1);
  const count = x.data.length / channels;
  const channelOf = (index: number): number => Math.floor(index / inner) % channels;
  const [runningMean, runningVariance] = [layer.weight("running_mean"), layer.weight("running_var")];
  let [mean, variance] = [runningMean, runningVariance];
  if (layer.run.mode === "train") {
    mean = new Float64Array(channels);
    variance = new Float64Array(channels);
    for (const [index, value] of x.data.entries()) mean[channelOf(index)] = at(mean, channelOf(index)) + value / count;
    for (const [index, value] of x.data.entries()) {
      variance[channelOf(index)] = at(variance, channelOf(index)) + (value - at(mean, channelOf(index))) ** 2 / count;
    }
    const momentum = numberParam(layer.params, "momentum");
    const mix = (old: Float64Array, fresh: Float64Array, factor: number): Float64Array =>
      old.map((value, index) => (1 - momentum) * value + momentum * factor * at(fresh, index));
    layer.statistics.set(`${layer.node.id}.running_mean`, mix(runningMean, mean, 1));
    layer.statistics.set(`${layer.node.id}.running_var`, mix(runningVariance, variance, count / (count - 1)));
  }
  const [weight, bias, epsilon] = [layer.weight("weight"), layer.weight("bias"), numberParam(layer.params, "epsilon")];
  const data = x.data.map((value, index) => {
    const c = channelOf(index);
    return ((value - at(mean, c)) / Math.sqrt(at(variance, c) + epsilon)) * at(weight, c) + at(bias, c);
  });
  return { shape: x.shape, data };
}

function layerNorm(x: Tensor, layer: Layer): Tensor {
  const features = at(x.shape, x.shape.length - 1);
  const [weight, bias, epsilon] = [layer.weight("weight"), layer.weight("bias"), numberParam(layer.params, "epsilon")];
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += features) {
    const row = x.data.subarray(start, start + features);
    const mean = row.reduce((sum, value) => sum + value, 0) / features;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / features;
    for (const [k, value] of row.entries()) {
      data[start + k] = ((value - mean) / Math.sqrt(variance + epsilon)) * at(weight, k) + at(bias, k);
    }
  }
  return { shape: x.shape, data };
}

function concatenate(inputs: readonly Tensor[], layer: Layer): Tensor {
  const axis = numberParam(layer.params, "dim");
  const blocks = inputs.map((input) => ({ input, size: strideOf(input.shape, axis).inner * at(input.shape, axis) }));
  const outer = layer.shape.slice(0, axis).reduce((product, extent) => product * extent, 1);
  const data: number[] = [];
  for (let index = 0; index < outer; index++) {
    for (const { input, size } of blocks) data.push(...input.data.subarray(index * size, (index + 1) * size));
  }
  return { shape: layer.shape, data: Float64Array.from(data) };
}
