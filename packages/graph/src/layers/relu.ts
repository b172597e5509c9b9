import type { LayerDefinition } from "../layer/layer-definition.ts";
import { relu as emitRelu } from "../onnx/elementwise.ts";
import { activationLayer } from "./activation-layer.ts";

export const relu: LayerDefinition = activationLayer({
  type: "ReLU",
  engineNumber: 29,
  summary: "Passes positive values and stops negative ones.",
  documentation: "y = max(x, 0); the gradient at 0 is 0.",
  forwardFlops: 1,
  backwardFlops: 2,
  tensorsKept: 1,
  emit: emitRelu,
});
