/** Batch and layer normalization, with the backward passes written out. */
import { assert } from "@cyxwiz/primitives";
import type { Emitter, Value } from "./emitter.ts";
import { binary, channelSum, extent, reduced, reshaped, scale, sizeOf, unary } from "./plain.ts";

export interface NormWeights {
  readonly weight: Value;
  readonly bias: Value;
}

export interface BatchStatistics {
  readonly mean: Value;
  readonly variance: Value;
}

function normalizeBy(emit: Emitter, x: Value, affine: NormWeights, by: BatchStatistics, epsilon: number): Value {
  const operands = [x, affine.weight, affine.bias, by.mean, by.variance];
  return emit.op("BatchNormalization", operands, x.shape, { epsilon: { float: epsilon } });
}

/** Normalization by statistics that were gathered before. Shapes: x [N, C, ..], the others [C] → as x. */
export function batchNormInference(
  emit: Emitter,
  x: Value,
  options: { readonly affine: NormWeights; readonly running: BatchStatistics; readonly epsilon: number },
): Value {
  return normalizeBy(emit, x, options.affine, options.running, options.epsilon);
}

/**
 * Normalization by the batch's own statistics, and those statistics (variance: the unbiased one that PyTorch keeps).
 *
 * Shapes: x [N, C, ..], affine [C] → output as x, mean and variance [C]. With n values per channel, d = x − μ and
 * σ² = Σd²/n, the gradient is dx = A·g + B·d + C, one number each per channel: A = w/√(σ² + ε),
 * B = −A·Σ(g·d)/(n·(σ² + ε)), C = −A·Σg/n; the first and last are one BatchNormalization that multiplies and adds.
 */
export function batchNormTraining(
  emit: Emitter,
  x: Value,
  options: { readonly affine: NormWeights; readonly epsilon: number },
): { readonly output: Value; readonly batch: BatchStatistics } {
  const { affine, epsilon } = options;
  const channels = extent(x, 1);
  const count = sizeOf(x.shape) / channels;
  const perChannel = [1, channels, ...x.shape.slice(2).map(() => 1)];
  const mean = scale(emit, channelSum(emit, x), 1 / count);
  const centred = binary(emit, "Sub", x, reshaped(emit, mean, perChannel));
  const variance = scale(emit, channelSum(emit, binary(emit, "Mul", centred, centred)), 1 / count);
  const guarded = binary(emit, "Add", variance, emit.scalar(epsilon));
  const deviation = unary(emit, "Sqrt", guarded);
  const output = normalizeBy(emit, x, affine, { mean, variance }, epsilon);
  emit.record({
    output,
    inputs: [x, affine.weight, affine.bias],
    backward: (gradient, needs) => {
      const sum = channelSum(emit, gradient);
      const product = channelSum(emit, binary(emit, "Mul", gradient, centred));
      const weightGradient = binary(emit, "Div", product, deviation);
      if (!needs(x)) return [undefined, weightGradient, sum];
      const slope = binary(emit, "Div", affine.weight, deviation);
      const bend = binary(emit, "Mul", slope, scale(emit, binary(emit, "Div", product, guarded), -1 / count));
      const shift = binary(emit, "Mul", slope, scale(emit, sum, -1 / count));
      const zeros = emit.floats(
        [channels],
        Array.from({ length: channels }, () => 0),
      );
      const ones = emit.floats(
        [channels],
        Array.from({ length: channels }, () => 1),
      );
      const line = normalizeBy(emit, gradient, { weight: slope, bias: shift }, { mean: zeros, variance: ones }, 0);
      const curve = binary(emit, "Mul", centred, reshaped(emit, bend, perChannel));
      return [binary(emit, "Add", line, curve), weightGradient, sum];
    },
  });
  return { output, batch: { mean, variance: scale(emit, variance, count / (count - 1)) } };
}

/**
 * Normalization over the last axis.
 *
 * Shapes: x [.., F], affine [F] → as x. With x̂ = (x − μ)/σ and ĝ = g·w: dx = (ĝ − mean ĝ − x̂·mean(ĝ·x̂))/σ.
 * @see ONNX operator LayerNormalization, version 17: its second and third outputs are μ and 1/σ.
 */
export function layerNorm(
  emit: Emitter,
  x: Value,
  options: { readonly affine: NormWeights; readonly epsilon: number },
): Value {
  const { weight, bias } = options.affine;
  const last = x.shape.length - 1;
  const statistic = { shape: [...x.shape.slice(0, -1), 1] };
  const [output, mean, inverse] = emit.node({
    op: "LayerNormalization",
    inputs: [x, weight, bias],
    attributes: { axis: { int: -1 }, epsilon: { float: options.epsilon } },
    outputs: [{ shape: x.shape }, statistic, statistic],
  });
  assert(output && mean && inverse, "LayerNormalization has a value, a mean and an inverse deviation");
  return emit.record({
    output,
    inputs: [x, weight, bias],
    backward: (gradient) => {
      const features = extent(x, last);
      const rows = sizeOf(x.shape) / features;
      const average = (value: Value): Value => reduced(emit, value, { op: "ReduceMean", axes: [last], keep: true });
      const total = (value: Value): Value =>
        reduced(emit, reshaped(emit, value, [rows, features]), { op: "ReduceSum", axes: [0], keep: false });
      const normalized = binary(emit, "Mul", binary(emit, "Sub", x, mean), inverse);
      const weighted = binary(emit, "Mul", gradient, weight);
      const along = binary(emit, "Mul", normalized, average(binary(emit, "Mul", weighted, normalized)));
      const centred = binary(emit, "Sub", binary(emit, "Sub", weighted, average(weighted)), along);
      return [binary(emit, "Mul", inverse, centred), total(binary(emit, "Mul", gradient, normalized)), total(gradient)];
    },
  });
}
