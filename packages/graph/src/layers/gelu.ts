import type { LayerDefinition } from "../layer/layer-definition.ts";
import { gelu as emitGelu } from "../onnx/elementwise.ts";
import { activationLayer } from "./activation-layer.ts";

export const gelu: LayerDefinition = activationLayer({
  type: "GELU",
  engineNumber: 34,
  summary: "A smooth ReLU, usual in Transformers.",
  documentation: "y = x·Φ(x) = x·(1 + erf(x/√2))/2, the exact form, not the tanh approximation.",
  forwardFlops: 5,
  backwardFlops: 8,
  tensorsKept: 2,
  emit: emitGelu,
});
