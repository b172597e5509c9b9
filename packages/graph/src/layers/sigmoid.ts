import type { LayerDefinition } from "../layer/layer-definition.ts";
import { sigmoid as emitSigmoid } from "../onnx/elementwise.ts";
import { activationLayer } from "./activation-layer.ts";

export const sigmoid: LayerDefinition = activationLayer({
  type: "Sigmoid",
  engineNumber: 37,
  summary: "Squeezes values into 0 to 1.",
  documentation: "y = 1/(1 + e^(−x)). A loss that wants logits (CrossEntropyLoss) is fed without it.",
  forwardFlops: 4,
  backwardFlops: 3,
  tensorsKept: 1,
  emit: emitSigmoid,
});
