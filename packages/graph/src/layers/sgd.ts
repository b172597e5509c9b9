import type { LayerDefinition } from "../layer/layer-definition.ts";
import { optimizerLayer } from "./optimizer-layer.ts";

export const sgd: LayerDefinition = optimizerLayer({
  type: "SGD",
  engineNumber: 59,
  summary: "Plain gradient descent, with momentum.",
  documentation:
    "g ← g + weight_decay·w; v ← momentum·v + g; w ← w − learning_rate·v (PyTorch's formula, no dampening). Keeps one " +
    "number per weight when momentum is above 0, none otherwise.",
  defaultLearningRate: 0.01,
  params: {
    momentum: {
      kind: "number",
      default: 0,
      min: 0,
      max: 0.9999,
      help: "Share of the last step that is kept.",
    },
    weight_decay: {
      kind: "number",
      default: 0,
      min: 0,
      max: 1,
      help: "Pulls every weight towards 0 (L2).",
    },
  },
});
