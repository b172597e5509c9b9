import type { LayerDefinition } from "../layer/layer-definition.ts";
import { elementCount, onlyInput, shapeOk } from "./shape-rule.ts";
import { masked } from "../onnx/elementwise.ts";
import { numberParam } from "./read-param.ts";
import { onlyValue } from "./only-value.ts";

export const dropout: LayerDefinition = {
  type: "Dropout",
  engineNumber: 14,
  role: "layer",
  summary: "Switches random values off while training, against overfitting.",
  documentation:
    "Training: y = x·m, where each m is 0 with probability rate and 1/(1 − rate) otherwise. Prediction: y = x. " +
    "Shapes: any → the same. The masks come from the job's seed, so that a run can be repeated exactly.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {
    rate: {
      kind: "number",
      default: 0.5,
      min: 0,
      max: 0.99,
      aliases: ["p"],
      help: "The share of values that is switched off.",
    },
  },
  infer: (inputs) => shapeOk(onlyInput(inputs)),
  parameters: () => [],
  cost(_inputs, output) {
    const elements = elementCount(output);
    return { forwardFlops: elements, backwardFlops: elements, activationBytes: 4 * elements };
  },
  lower(inputs, context) {
    const x = onlyValue(inputs);
    const rate = numberParam(context.params, "rate");
    if (context.mode === "infer" || rate === 0) return x;
    return masked(context.emit, x, context.dropoutMask(x.shape.slice(1), rate));
  },
};
