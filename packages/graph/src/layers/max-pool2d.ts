import type { LayerDefinition } from "../layer/layer-definition.ts";
import { inferPool, POOL_PARAMS, poolWindow } from "./pool-layer.ts";
import { numberParam } from "./read-param.ts";
import { elementCount, onlyInput } from "./shape-rule.ts";
import { maxPool, maxPoolBeforeRelu } from "../onnx/pooling.ts";
import { onlyValue } from "./only-value.ts";

export const maxPool2d: LayerDefinition = {
  type: "MaxPool2D",
  engineNumber: 5,
  role: "layer",
  summary: "Keeps the largest value of each window.",
  documentation:
    "y = max over the window; the gradient goes to the first maximum. Shapes: [C, H, W] → [C, H', W'], H' = ⌊(H − pool_size) / stride⌋ + 1. " +
    "Nothing is trained; rows and columns that no window reaches are left out.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: POOL_PARAMS,
  infer: (inputs, params) => inferPool("MaxPool2D", onlyInput(inputs), params),
  parameters: () => [],
  cost(_inputs, output, params) {
    const outputs = elementCount(output);
    return {
      // One comparison per window element; the backward pass moves each gradient once and keeps an int64 index.
      forwardFlops: outputs * numberParam(params, "pool_size") ** 2,
      backwardFlops: outputs,
      activationBytes: 8 * outputs,
    };
  },
  lower(inputs, context) {
    const x = onlyValue(inputs);
    const { kernel, stride } = poolWindow(x.shape.slice(1), context.params);
    const pool = context.mode === "train" ? maxPoolBeforeRelu : maxPool;
    return pool(context.emit, x, { kernel, stride });
  },
};
