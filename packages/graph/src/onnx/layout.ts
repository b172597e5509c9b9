/** Differentiable operations that move elements and change none. */
import type { Emitter, Value } from "./emitter.ts";
import { extent, joined, reshaped, sizeOf, sliced } from "./plain.ts";

/** [N, ..] → [N, everything else]. */
export function flatten(emit: Emitter, x: Value): Value {
  const batch = extent(x, 0);
  const output = reshaped(emit, x, [batch, sizeOf(x.shape) / batch]);
  // A value that is flat already comes back as itself, which has no step to go back through.
  if (output === x) return x;
  return emit.record({ output, inputs: [x], backward: (gradient) => [reshaped(emit, gradient, x.shape)] });
}

/** The values one after the other along `axis`. */
export function concatenate(emit: Emitter, values: readonly Value[], axis: number): Value {
  const output = joined(emit, values, axis);
  return emit.record({
    output,
    inputs: values,
    backward: (gradient) => {
      let start = 0;
      return values.map((value) => {
        const end = start + extent(value, axis);
        const part = sliced(emit, gradient, [{ axis, start, end }]);
        start = end;
        return part;
      });
    },
  });
}
