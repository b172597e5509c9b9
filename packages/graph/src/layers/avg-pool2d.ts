import type { LayerDefinition } from "../layer/layer-definition.ts";
import { inferPool, POOL_PARAMS, poolWindow } from "./pool-layer.ts";
import { numberParam } from "./read-param.ts";
import { elementCount, onlyInput } from "./shape-rule.ts";
import { avgPool } from "../onnx/pooling.ts";
import { onlyValue } from "./only-value.ts";

export const avgPool2d: LayerDefinition = {
  type: "AvgPool2D",
  engineNumber: 6,
  role: "layer",
  summary: "Keeps the mean of each window.",
  documentation:
    "y = mean over the window. Shapes: [C, H, W] → [C, H', W'], H' = ⌊(H − pool_size) / stride⌋ + 1. " +
    "Nothing is trained; rows and columns that no window reaches are left out.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: POOL_PARAMS,
  infer: (inputs, params) => inferPool("AvgPool2D", onlyInput(inputs), params),
  parameters: () => [],
  cost(_inputs, output, params) {
    const outputs = elementCount(output);
    return {
      forwardFlops: outputs * numberParam(params, "pool_size") ** 2,
      backwardFlops: outputs * numberParam(params, "pool_size") ** 2,
      activationBytes: 0,
    };
  },
  lower(inputs, context) {
    const x = onlyValue(inputs);
    const { kernel, stride } = poolWindow(x.shape.slice(1), context.params);
    return avgPool(context.emit, x, { kernel, stride });
  },
};
