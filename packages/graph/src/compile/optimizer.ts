/**
 * Optimizers as part of the graph: PyTorch's formulas, rearranged so that a step has fewer passes over the weights.
 *
 * What changes from step to step (learning rate, bias corrections) comes in as scalars, so that schedules stay with the
 * driver. What is constant for a job (momentum, betas, decay) is written into the graph.
 */
import { unreachable } from "@cyxwiz/primitives";
import type { Params } from "../layer/layer-definition.ts";
import { numberParam } from "../layers/read-param.ts";
import type { LayerType } from "../model/layer-type.ts";
import type { Emitter, Value } from "../onnx/emitter.ts";
import { binary, scale, unary } from "../onnx/plain.ts";

interface WeightUpdate {
  readonly weight: Value;
  readonly gradient: Value;
  /** The optimizer's own tensors of this weight, in the order of `slots`. */
  readonly slots: readonly Value[];
  /** In the order of `scalarNames`. */
  readonly scalars: readonly Value[];
}

export interface Optimizer {
  readonly scalarNames: readonly string[];
  /** Suffixes of the tensors kept per weight; all start as zeros. */
  readonly slots: readonly string[];
  /** Values of `scalarNames` for step t, counted from 1. Pure. */
  scalarsAt(step: number, learningRate: number): readonly number[];
  /** Emits one weight's step; elementwise, so it holds for any shape. */
  update(emit: Emitter, update: WeightUpdate): { readonly weight: Value; readonly slots: readonly Value[] };
}

/** The optimizer of a node. @see PyTorch documentation of torch.optim.SGD, Adam and AdamW. */
export function optimizerOf(type: LayerType, params: Params): Optimizer {
  switch (type) {
    case "SGD":
      return sgd(numberParam(params, "momentum"), numberParam(params, "weight_decay"));
    case "Adam":
      return adam(params, numberParam(params, "weight_decay"), 0);
    case "AdamW":
      return adam(params, 0, numberParam(params, "weight_decay"));
    default:
      return unreachable(type as never);
  }
}

/** base^exponent by squaring: `**` may differ in its last bit between JavaScript engines, and results must not. */
function power(base: number, exponent: number): number {
  let result = 1;
  let factor = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= factor;
    factor *= factor;
  }
  return result;
}

/** g + decay·w, or g itself. */
function withDecay(emit: Emitter, gradient: Value, weight: Value, decay: number): Value {
  return decay === 0 ? gradient : binary(emit, "Add", gradient, scale(emit, weight, decay));
}

/** v ← momentum·v + g; w ← w − rate·v. Starting from v = 0 this is PyTorch's first step, too. */
function sgd(momentum: number, decay: number): Optimizer {
  return {
    scalarNames: ["learning_rate"],
    slots: momentum === 0 ? [] : ["momentum_buffer"],
    scalarsAt: (_step, learningRate) => [learningRate],
    update(emit, { weight, gradient, slots, scalars }) {
      const [velocity] = slots;
      const [rate] = scalars as [Value];
      const decayed = withDecay(emit, gradient, weight, decay);
      const moved = velocity ? binary(emit, "Add", scale(emit, velocity, momentum), decayed) : decayed;
      return {
        weight: binary(emit, "Sub", weight, binary(emit, "Mul", moved, rate)),
        slots: velocity ? [moved] : [],
      };
    },
  };
}

/**
 * Adam with its moments kept undivided: M = m/(1 − β₁) and V = v/(1 − β₂), which saves two passes per weight.
 *
 * M ← β₁M + g; V ← β₂V + g²; w ← w − a·M/(√V + e), where with r = √((1 − β₂ᵗ)/(1 − β₂)) the scalars are
 * a = rate·r·(1 − β₁)/(1 − β₁ᵗ) and e = epsilon·r: equal to PyTorch's in exact arithmetic. `adam_m` and `adam_v` are M
 * and V; PyTorch's exp_avg is (1 − β₁)·M and its exp_avg_sq (1 − β₂)·V.
 * @see Kingma and Ba, "Adam", 2015; Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
 */
function adam(params: Params, gradientDecay: number, weightDecay: number): Optimizer {
  const beta1 = numberParam(params, "beta1");
  const beta2 = numberParam(params, "beta2");
  const epsilon = numberParam(params, "epsilon");
  return {
    scalarNames: ["adam_rate", "adam_epsilon", ...(weightDecay === 0 ? [] : ["weight_scale"])],
    slots: ["adam_m", "adam_v"],
    scalarsAt(step, learningRate) {
      const root = Math.sqrt((1 - power(beta2, step)) / (1 - beta2));
      const rate = ((learningRate * (1 - beta1)) / (1 - power(beta1, step))) * root;
      return [rate, epsilon * root, ...(weightDecay === 0 ? [] : [1 - learningRate * weightDecay])];
    },
    update(emit, { weight, gradient, slots, scalars }) {
      const [mean, square] = slots as [Value, Value];
      const [rate, guard, shrink] = scalars as [Value, Value, Value?];
      const decayed = withDecay(emit, gradient, weight, gradientDecay);
      const newMean = binary(emit, "Add", scale(emit, mean, beta1), decayed);
      const newSquare = binary(emit, "Add", scale(emit, square, beta2), binary(emit, "Mul", decayed, decayed));
      const spread = binary(emit, "Add", unary(emit, "Sqrt", newSquare), guard);
      const step = binary(emit, "Mul", binary(emit, "Div", newMean, spread), rate);
      const start = shrink ? binary(emit, "Mul", weight, shrink) : weight;
      return { weight: binary(emit, "Sub", start, step), slots: [newMean, newSquare] };
    },
  };
}
