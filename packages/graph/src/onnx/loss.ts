/** Losses: the number to show, and the gradient that starts the way back. */
import type { Emitter, Value } from "./emitter.ts";
import { binary, reduced, scale, sizeOf, unary } from "./plain.ts";

export interface Loss {
  /** Mean over the batch; a scalar. */
  readonly loss: Value;
  /** Gradient of the loss by the predictions, of their shape. */
  readonly gradient: Value;
}

/** Mean of −log softmax(scores)[label]. Shapes: scores [N, classes], labels int64 [N]. */
export function crossEntropy(emit: Emitter, scores: Value, labels: Value): Loss {
  const [batch = 1, classes = 1] = scores.shape;
  const logs = emit.op("LogSoftmax", [scores], scores.shape, { axis: { int: -1 } });
  const depth = emit.integers([classes]);
  const oneHot = emit.op("OneHot", [labels, depth, emit.floats([2], [0, 1])], scores.shape, { axis: { int: -1 } });
  const picked = reduced(emit, binary(emit, "Mul", logs, oneHot), { op: "ReduceSum", axes: [0, 1], keep: false });
  const difference = binary(emit, "Sub", unary(emit, "Exp", logs), oneHot);
  return { loss: scale(emit, picked, -1 / batch), gradient: scale(emit, difference, 1 / batch) };
}

/** Mean of (predictions − targets)². Shapes: both the same. */
export function meanSquaredError(emit: Emitter, predictions: Value, targets: Value): Loss {
  const difference = binary(emit, "Sub", predictions, targets);
  const squares = binary(emit, "Mul", difference, difference);
  const axes = predictions.shape.map((_, axis) => axis);
  return {
    loss: reduced(emit, squares, { op: "ReduceMean", axes, keep: false }),
    gradient: scale(emit, difference, 2 / sizeOf(predictions.shape)),
  };
}

/** How many of the batch have their highest score on the label; a float32 scalar. */
export function correctCount(emit: Emitter, scores: Value, labels: Value): Value {
  const best = emit.op("ArgMax", [scores], labels.shape, { axis: { int: -1 }, keepdims: { int: 0 } }, "int64");
  const right = emit.op("Equal", [best, labels], labels.shape, {}, "bool");
  const ones = emit.op("Cast", [right], labels.shape, { to: { int: 1 } });
  return reduced(emit, ones, { op: "ReduceSum", axes: [0], keep: false });
}
