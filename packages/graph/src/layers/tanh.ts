import type { LayerDefinition } from "../layer/layer-definition.ts";
import { tanh as emitTanh } from "../onnx/elementwise.ts";
import { activationLayer } from "./activation-layer.ts";

export const tanh: LayerDefinition = activationLayer({
  type: "Tanh",
  engineNumber: 38,
  summary: "Squeezes values into −1 to 1.",
  documentation: "y = tanh(x).",
  forwardFlops: 1,
  backwardFlops: 3,
  tensorsKept: 1,
  emit: emitTanh,
});
