/** Pooling over [N, C, H, W] and its gradients. */
import { assert } from "@cyxwiz/primitives";
import type { Emitter, Value } from "./emitter.ts";
import { relu } from "./elementwise.ts";
import { extent, reshaped, sizeOf } from "./plain.ts";

export interface PoolOptions {
  readonly kernel: number;
  readonly stride: number;
}

function pooledShape(x: Value, { kernel, stride }: PoolOptions): readonly number[] {
  const slide = (size: number): number => Math.floor((size - kernel) / stride) + 1;
  return [extent(x, 0), extent(x, 1), slide(extent(x, 2)), slide(extent(x, 3))];
}

/**
 * The maximum of each window; its gradient goes to the first maximum, as in PyTorch.
 *
 * Shapes: [N, C, H, W] → [N, C, H', W'], H' = ⌊(H − kernel) / stride⌋ + 1.
 */
export function maxPool(emit: Emitter, x: Value, options: PoolOptions): Value {
  const { kernel, stride } = options;
  const window = { kernel_shape: { ints: [kernel, kernel] }, strides: { ints: [stride, stride] } };
  const shape = pooledShape(x, options);
  const node = {
    op: "MaxPool",
    inputs: [x],
    attributes: window,
    outputs: [{ shape }, { shape, type: "int64" }],
  } as const;
  const [output, indices] = emit.node(node);
  assert(output && indices, "MaxPool has values and indices");
  return emit.record({
    output,
    inputs: [x],
    backward: (gradient) => {
      if (stride >= kernel) {
        return [emit.op("MaxUnpool", [gradient, indices, emit.integers(x.shape)], x.shape, window)];
      }
      // Windows overlap: one input may be the maximum of several, and their gradients add up.
      const size = sizeOf(x.shape);
      const count = sizeOf(shape);
      const zeros = emit.op("Expand", [emit.scalar(0), emit.integers([size])], [size]);
      const operands = [zeros, reshaped(emit, indices, [count]), reshaped(emit, gradient, [count])];
      const addition = { axis: { int: 0 }, reduction: { string: "add" } };
      return [reshaped(emit, emit.op("ScatterElements", operands, [size], addition), x.shape)];
    },
  });
}

/**
 * The maximum of each window of a value that may be a ReLU's output.
 *
 * A ReLU and a maximum commute exactly, gradients included (a window without a positive value passes none either way),
 * and after the pool there is less to clip. For training only: a file for others keeps the order that was drawn.
 */
export function maxPoolBeforeRelu(emit: Emitter, x: Value, options: PoolOptions): Value {
  const producer = emit.producerOf(x);
  const [clipped] = producer?.inputs ?? [];
  if (producer?.op !== "Relu" || !clipped) return maxPool(emit, x, options);
  return relu(emit, maxPool(emit, clipped, options));
}

/**
 * The mean of each window.
 *
 * Shapes: [N, C, H, W] → [N, C, H', W']. The gradient spreads evenly: a ConvTranspose of each channel with 1/kernel².
 */
export function avgPool(emit: Emitter, x: Value, options: PoolOptions): Value {
  const { kernel, stride } = options;
  const window = { kernel_shape: { ints: [kernel, kernel] }, strides: { ints: [stride, stride] } };
  const output = emit.op("AveragePool", [x], pooledShape(x, options), window);
  return emit.record({
    output,
    inputs: [x],
    backward: (gradient) => {
      const [planes, height, width] = [extent(x, 0) * extent(x, 1), extent(x, 2), extent(x, 3)];
      const share = emit.floats(
        [1, 1, kernel, kernel],
        Array.from({ length: kernel * kernel }, () => 1 / (kernel * kernel)),
      );
      const flat = reshaped(emit, gradient, [planes, 1, extent(output, 2), extent(output, 3)]);
      const unread = { ints: [(height - kernel) % stride, (width - kernel) % stride] };
      const spread = emit.op("ConvTranspose", [flat, share], [planes, 1, height, width], {
        ...window,
        output_padding: unread,
      });
      return [reshaped(emit, spread, x.shape)];
    },
  });
}
