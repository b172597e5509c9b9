import type { LayerDefinition } from "../layer/layer-definition.ts";
import { MOMENT_PARAMS, optimizerLayer } from "./optimizer-layer.ts";

export const adam: LayerDefinition = optimizerLayer({
  type: "Adam",
  engineNumber: 60,
  summary: "Steps of adapted size per weight: a good first choice.",
  documentation:
    "g ← g + weight_decay·w; m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; " +
    "w ← w − learning_rate·m̂/(√v̂ + epsilon) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ) (PyTorch's formula). Keeps two numbers per weight.",
  defaultLearningRate: 0.001,
  params: {
    ...MOMENT_PARAMS,
    weight_decay: {
      kind: "number",
      default: 0,
      min: 0,
      max: 1,
      help: "Pulls every weight towards 0 (L2).",
    },
  },
});
