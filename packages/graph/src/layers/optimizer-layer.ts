/**
 * The form that SGD, Adam and AdamW share: pins, a learning rate, and no place in the forward graph.
 *
 * Their cost is per weight and step, not per sample, so it is not here: `compile/` says how much state each one keeps.
 */
import type { LayerDefinition, ParamDefinition } from "../layer/layer-definition.ts";
import type { LayerType } from "../model/layer-type.ts";
import { shapeOk } from "./shape-rule.ts";

export interface OptimizerDescription {
  readonly type: LayerType;
  readonly engineNumber: number;
  readonly summary: string;
  readonly documentation: string;
  readonly defaultLearningRate: number;
  readonly params: Readonly<Record<string, ParamDefinition>>;
}

export function optimizerLayer(description: OptimizerDescription): LayerDefinition {
  const { type, engineNumber, summary, documentation } = description;
  return {
    type,
    engineNumber,
    role: "optimizer",
    summary,
    documentation,
    inputs: [{ name: "Loss", kind: "loss" }],
    outputs: [{ name: "State", kind: "optimizer" }],
    params: {
      learning_rate: {
        kind: "number",
        default: description.defaultLearningRate,
        min: 0,
        max: 10,
        aliases: ["lr"],
        help: "How far each step moves the weights; may be changed while training.",
      },
      ...description.params,
    },
    infer: () => shapeOk([]),
    parameters: () => [],
    cost: () => ({ forwardFlops: 0, backwardFlops: 0, activationBytes: 0 }),
  };
}

/** β₁, β₂ and ε, which Adam and AdamW share. */
export const MOMENT_PARAMS: Readonly<Record<string, ParamDefinition>> = {
  beta1: {
    kind: "number",
    default: 0.9,
    min: 0,
    max: 0.9999,
    help: "How long the mean of the gradient remembers.",
  },
  beta2: {
    kind: "number",
    default: 0.999,
    min: 0,
    max: 0.999_999,
    help: "How long the mean of the squared gradient remembers.",
  },
  epsilon: {
    kind: "number",
    default: 1e-8,
    min: 1e-12,
    max: 1,
    aliases: ["eps"],
    help: "Added to the root of the squared mean, so that a still weight divides by something.",
  },
};
