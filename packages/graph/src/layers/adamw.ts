import type { LayerDefinition } from "../layer/layer-definition.ts";
import { MOMENT_PARAMS, optimizerLayer } from "./optimizer-layer.ts";

export const adamw: LayerDefinition = optimizerLayer({
  type: "AdamW",
  engineNumber: 61,
  summary: "Adam with weight decay kept apart from the gradient: usual for Transformers.",
  documentation:
    "w ← w·(1 − learning_rate·weight_decay), then Adam's step without decay in the gradient (PyTorch's formula). " +
    "Keeps two numbers per weight.",
  defaultLearningRate: 0.001,
  params: {
    ...MOMENT_PARAMS,
    weight_decay: {
      kind: "number",
      default: 0.01,
      min: 0,
      max: 1,
      help: "Shrinks every weight by this share of the rate.",
    },
  },
});
