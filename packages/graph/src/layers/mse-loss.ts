import type { LayerDefinition } from "../layer/layer-definition.ts";
import { elementCount, onlyInput, shapeOk } from "./shape-rule.ts";
import { LOSS_INPUTS, LOSS_OUTPUTS } from "./loss-layer.ts";

export const mseLoss: LayerDefinition = {
  type: "MSELoss",
  engineNumber: 51,
  role: "loss",
  summary: "For numbers: the mean squared distance to the target.",
  documentation:
    "loss = mean of (x − target)² over the batch and all its values. Shapes: any, with targets of the same → one number.",
  inputs: LOSS_INPUTS,
  outputs: LOSS_OUTPUTS,
  params: {},
  infer: () => shapeOk([]),
  parameters: () => [],
  cost(inputs) {
    const values = elementCount(onlyInput(inputs));
    return { forwardFlops: 3 * values, backwardFlops: 2 * values, activationBytes: 4 * values };
  },
};
