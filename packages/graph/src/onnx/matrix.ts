/** The fully connected layer. */
import type { Emitter, Value } from "./emitter.ts";
import { extent, gemm, reduced, reshaped, sizeOf } from "./plain.ts";

/**
 * x·Wᵀ + b on the last axis.
 *
 * Shapes: x [.., k], weight [units, k], bias [units] → [.., units]. dx = g·W, dW = gᵀ·x, db = Σ g.
 */
export function dense(emit: Emitter, x: Value, weight: Value, bias?: Value): Value {
  const features = extent(weight, 1);
  const units = extent(weight, 0);
  const rows = sizeOf(x.shape) / features;
  const flat = reshaped(emit, x, [rows, features]);
  const product = gemm(emit, bias ? [flat, weight, bias] : [flat, weight], { b: true });
  const output = reshaped(emit, product, [...x.shape.slice(0, -1), units]);
  return emit.record({
    output,
    inputs: bias ? [x, weight, bias] : [x, weight],
    backward: (gradient, needs) => {
      const outgoing = reshaped(emit, gradient, [rows, units]);
      return [
        needs(x) ? reshaped(emit, gemm(emit, [outgoing, weight]), x.shape) : undefined,
        gemm(emit, [outgoing, flat], { a: true }),
        reduced(emit, outgoing, { op: "ReduceSum", axes: [0], keep: false }),
      ];
    },
  });
}
