/** Differentiable operations that treat every element alike, and softmax along one axis. */
import type { Emitter, Value } from "./emitter.ts";
import { binary, positiveMask, reduced, scale, unary } from "./plain.ts";

/** a + b of one shape. */
export function add(emit: Emitter, a: Value, b: Value): Value {
  const output = binary(emit, "Add", a, b);
  return emit.record({ output, inputs: [a, b], backward: (gradient) => [gradient, gradient] });
}

/** x·mask, where the mask (a dropout mask) is data and takes no gradient. Shapes: both the same. */
export function masked(emit: Emitter, x: Value, mask: Value): Value {
  const output = binary(emit, "Mul", x, mask);
  return emit.record({ output, inputs: [x], backward: (gradient) => [binary(emit, "Mul", gradient, mask)] });
}

/** max(x, 0), with gradient 0 at 0. */
export function relu(emit: Emitter, x: Value): Value {
  const output = unary(emit, "Relu", x);
  // Multiplying by a cast mask is faster than Where on the CPU, and the same numbers.
  return emit.record({
    output,
    inputs: [x],
    backward: (gradient) => [binary(emit, "Mul", gradient, positiveMask(emit, output))],
  });
}

/** 1/(1 + e^−x); dy/dx = y·(1 − y). */
export function sigmoid(emit: Emitter, x: Value): Value {
  const output = unary(emit, "Sigmoid", x);
  return emit.record({
    output,
    inputs: [x],
    backward: (gradient) => {
      const slope = binary(emit, "Mul", output, binary(emit, "Sub", emit.scalar(1), output));
      return [binary(emit, "Mul", gradient, slope)];
    },
  });
}

/** tanh x; dy/dx = 1 − y². */
export function tanh(emit: Emitter, x: Value): Value {
  const output = unary(emit, "Tanh", x);
  return emit.record({
    output,
    inputs: [x],
    backward: (gradient) => {
      const slope = binary(emit, "Sub", emit.scalar(1), binary(emit, "Mul", output, output));
      return [binary(emit, "Mul", gradient, slope)];
    },
  });
}

/** x·Φ(x) with the error function; dy/dx = Φ(x) + x·φ(x), φ the normal density. */
export function gelu(emit: Emitter, x: Value): Value {
  const erf = unary(emit, "Erf", scale(emit, x, Math.SQRT1_2));
  const phi = scale(emit, binary(emit, "Add", erf, emit.scalar(1)), 0.5);
  const output = binary(emit, "Mul", x, phi);
  return emit.record({
    output,
    inputs: [x],
    backward: (gradient) => {
      const bell = unary(emit, "Exp", scale(emit, binary(emit, "Mul", x, x), -0.5));
      const density = scale(emit, bell, 1 / Math.sqrt(2 * Math.PI));
      const slope = binary(emit, "Add", phi, binary(emit, "Mul", x, density));
      return [binary(emit, "Mul", gradient, slope)];
    },
  });
}

/** e^x / Σ e^x along `axis`; dx = y·(dy − Σ dy·y). */
export function softmax(emit: Emitter, x: Value, axis: number): Value {
  const output = emit.op("Softmax", [x], x.shape, { axis: { int: axis } });
  return emit.record({
    output,
    inputs: [x],
    backward: (gradient) => {
      const weighted = binary(emit, "Mul", gradient, output);
      const total = reduced(emit, weighted, { op: "ReduceSum", axes: [axis], keep: true });
      return [binary(emit, "Mul", output, binary(emit, "Sub", gradient, total))];
    },
  });
}
