/** Pooling over [N, C, H, W] and its gradients. */
import { assert } from "@cyxwiz/primitives";
import type { Emitter, Value } from "./emitter.ts";
import { relu } from "./elementwise.ts";
import { extent, reshaped, sizeOf, sliced } from "./plain.ts";

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
  if (kernel === 2 && stride === 2) return maxPoolOfPairs(emit, x);
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
 * The 2×2 pool with stride 2, without asking the runtime for indices.
 *
 * A MaxPool with indices goes through the image element by element; one without is vectorized and about thirty times
 * faster. So where the first maximum was is found from pools over halves of each window: it is in the upper row where
 * that row's maximum is the window's, and on the left where the left element of that row is.
 */
function maxPoolOfPairs(emit: Emitter, x: Value): Value {
  const output = cornerPool(emit, x, [2, 2]);
  return emit.record({
    output,
    inputs: [x],
    backward: (gradient) => {
      const operands = [gradient, firstMaximum(emit, x, output), emit.integers(x.shape)];
      const window = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } };
      return [emit.op("MaxUnpool", operands, x.shape, window)];
    },
  });
}

/** The maximum of the upper left `rows` × `columns` of each 2×2 window: with [1, 1] every other pixel. */
function cornerPool(emit: Emitter, x: Value, [rows, columns]: readonly [number, number]): Value {
  const [, , height, width] = pooledShape(x, { kernel: 2, stride: 2 }) as [number, number, number, number];
  const slide = (size: number, kernel: number): number => Math.floor((size - kernel) / 2) + 1;
  const shape = [extent(x, 0), extent(x, 1), slide(extent(x, 2), rows), slide(extent(x, 3), columns)];
  const window = { kernel_shape: { ints: [rows, columns] }, strides: { ints: [2, 2] } };
  const pooled = emit.op("MaxPool", [x], shape, window);
  if (shape[2] === height && shape[3] === width) return pooled;
  // An odd last row or column belongs to no whole window.
  return sliced(emit, pooled, [
    { axis: 2, start: 0, end: height },
    { axis: 3, start: 0, end: width },
  ]);
}

/** Flat position in x of each window's first maximum, row by row; int64, as MaxPool's indices. */
function firstMaximum(emit: Emitter, x: Value, output: Value): Value {
  const { shape } = output;
  const [batch, channels, height, width] = [0, 1, 2, 3].map((axis) => extent(output, axis)) as [
    number,
    number,
    number,
    number,
  ];
  const rowLength = extent(x, 3);
  const isLower = emit.op("Less", [cornerPool(emit, x, [1, 2]), output], shape, {}, "bool");
  // In a lower row's window the upper left is below the maximum, so the left column's maximum tells as well.
  const left = emit.op("Where", [isLower, cornerPool(emit, x, [2, 1]), cornerPool(emit, x, [1, 1])], shape);
  const isRight = emit.op("Less", [left, output], shape, {}, "bool");
  const corners = Array.from(
    { length: height * width },
    (_, window) => 2 * (Math.floor(window / width) * rowLength + (window % width)),
  );
  const plane = [1, 1, height, width];
  const upper = constantPositions(emit, plane, corners);
  const lower = constantPositions(
    emit,
    plane,
    corners.map((corner) => corner + rowLength),
  );
  const planes = Array.from({ length: batch * channels }, (_, index) => index * extent(x, 2) * rowLength);
  const row = emit.op("Where", [isLower, lower, upper], shape, {}, "int64");
  const column = emit.op("Cast", [isRight], shape, { to: { int: INT64 } }, "int64");
  const inPlane = emit.op("Add", [row, column], shape, {}, "int64");
  return emit.op("Add", [inPlane, constantPositions(emit, [batch, channels, 1, 1], planes)], shape, {}, "int64");
}

/** ONNX's number of the type. */
const INT64 = 7;

function constantPositions(emit: Emitter, shape: readonly number[], values: readonly number[]): Value {
  return emit.op("Reshape", [emit.integers(values), emit.integers(shape)], shape, {}, "int64");
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
