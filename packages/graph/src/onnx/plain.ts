/**
 * Operations without a tape entry: what backward rules, losses and optimizers are made of.
 *
 * Static shapes are worked out here, so that nothing downstream asks the runtime for one.
 */
import { assert, defined } from "@cyxwiz/primitives";
import type { Emitter, Value } from "./emitter.ts";
import { VENDOR_DOMAIN } from "./emitter.ts";

type Extents = readonly number[];

export function sizeOf(shape: Extents): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Extent of an axis; negative axes count from the end. */
export function extent(value: Value, axis: number): number {
  return defined(value.shape.at(axis), `axis ${axis} of ${value.name}`);
}

/** NumPy's broadcasting of two shapes that fit. */
function broadcast(a: Extents, b: Extents): Extents {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, index) => {
    const fromA = a[a.length - rank + index] ?? 1;
    const fromB = b[b.length - rank + index] ?? 1;
    assert(fromA === fromB || fromA === 1 || fromB === 1, `[${a.join(", ")}] and [${b.join(", ")}] broadcast`);
    return Math.max(fromA, fromB);
  });
}

export function binary(emit: Emitter, op: "Add" | "Sub" | "Mul" | "Div", a: Value, b: Value): Value {
  return emit.op(op, [a, b], broadcast(a.shape, b.shape));
}

export function scale(emit: Emitter, value: Value, factor: number): Value {
  return factor === 1 ? value : binary(emit, "Mul", value, emit.scalar(factor));
}

export function unary(emit: Emitter, op: string, value: Value): Value {
  return emit.op(op, [value], value.shape);
}

/** 1 where the value is positive, else 0; the gradient of a ReLU. */
export function positiveMask(emit: Emitter, value: Value): Value {
  const positive = emit.op("Greater", [value, emit.scalar(0)], value.shape, {}, "bool");
  return emit.op("Cast", [positive], value.shape, { to: { int: 1 } });
}

/**
 * The same elements under another shape.
 *
 * The first extent is written as −1, "whatever is left", so that it may follow a free batch axis; `shape` therefore has
 * at least one axis.
 */
export function reshaped(emit: Emitter, value: Value, shape: Extents): Value {
  assert(
    sizeOf(shape) === sizeOf(value.shape),
    `[${value.shape.join(", ")}] has the elements of [${shape.join(", ")}]`,
  );
  if (shape.length === value.shape.length && shape.every((extent, axis) => extent === value.shape[axis])) return value;
  return emit.op("Reshape", [value, emit.integers([-1, ...shape.slice(1)])], shape, {}, value.type);
}

export function transposed(emit: Emitter, value: Value, order: readonly number[]): Value {
  return emit.op(
    "Transpose",
    [value],
    order.map((axis) => extent(value, axis)),
    { perm: { ints: order } },
  );
}

/** One axis' part of a slice: start inclusive, end exclusive, as ONNX Slice. */
export interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step?: number;
}

export function sliced(emit: Emitter, value: Value, cuts: readonly Cut[]): Value {
  const shape = [...value.shape];
  for (const { axis, start, end, step = 1 } of cuts) shape[axis] = Math.ceil((end - start) / step);
  const starts = emit.integers(cuts.map((cut) => cut.start));
  const ends = emit.integers(cuts.map((cut) => cut.end));
  const axes = emit.integers(cuts.map((cut) => cut.axis));
  const steps = emit.integers(cuts.map((cut) => cut.step ?? 1));
  return emit.op("Slice", [value, starts, ends, axes, steps], shape);
}

export function joined(emit: Emitter, values: readonly Value[], axis: number): Value {
  const first = defined(values[0], "a value to join");
  const total = values.reduce((sum, value) => sum + extent(value, axis), 0);
  const shape = first.shape.map((size, index) => (index === axis ? total : size));
  return emit.op("Concat", values, shape, { axis: { int: axis } });
}

export interface Reduction {
  readonly op: "ReduceSum" | "ReduceMean";
  readonly axes: readonly number[];
  /** Whether reduced axes stay, with extent 1. */
  readonly keep: boolean;
}

export function reduced(emit: Emitter, value: Value, { op, axes, keep }: Reduction): Value {
  const shape = keep
    ? value.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : value.shape.filter((_, axis) => !axes.includes(axis));
  return emit.op(op, [value, emit.integers(axes)], shape, { keepdims: { int: keep ? 1 : 0 } });
}

/**
 * Sum over all axes but the channels: [N, C, ..] → [C].
 *
 * Two contiguous reductions; one over axes 0, 2, 3 at once takes ONNX Runtime's generic, several times slower path.
 */
export function channelSum(emit: Emitter, value: Value): Value {
  const batch = extent(value, 0);
  const channels = extent(value, 1);
  const inner = sizeOf(value.shape) / (batch * channels);
  const sum = { op: "ReduceSum", keep: false } as const;
  if (inner === 1) return reduced(emit, reshaped(emit, value, [batch, channels]), { ...sum, axes: [0] });
  const rows = reduced(emit, reshaped(emit, value, [batch * channels, inner]), { ...sum, axes: [1] });
  return reduced(emit, reshaped(emit, rows, [batch, channels]), { ...sum, axes: [0] });
}

export interface Transposes {
  readonly a?: boolean;
  readonly b?: boolean;
}

/** a·b (+ c) of matrices, either transposed: [m, k], [k, n] → [m, n]. */
export function gemm(emit: Emitter, operands: readonly [Value, Value, Value?], transposes: Transposes = {}): Value {
  const [a, b] = operands;
  const rows = extent(a, transposes.a ? 1 : 0);
  const columns = extent(b, transposes.b ? 0 : 1);
  return emit.op("Gemm", operands, [rows, columns], {
    transA: { int: transposes.a ? 1 : 0 },
    transB: { int: transposes.b ? 1 : 0 },
  });
}

/** a·bᵀ for each of a batch: [n, m, k], [n, p, k] → [n, m, p]. Training graphs only (a contrib operator). */
export function batchedProductTransposed(emit: Emitter, a: Value, b: Value): Value {
  const shape = [extent(a, 0), extent(a, 1), extent(b, 1)];
  const attributes = { transA: { int: 0 }, transB: { int: 1 } };
  const node = { op: "FusedMatMul", domain: VENDOR_DOMAIN, inputs: [a, b], attributes, outputs: [{ shape }] };
  return defined(emit.node(node)[0], "the product");
}
