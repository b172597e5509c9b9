import type { LayerDefinition, Params, Shape } from "../layer/layer-definition.ts";
import { numberParam } from "./read-param.ts";
import { elementCount, formatShape, onlyInput, refuse, shapeOk } from "./shape-rule.ts";
import { softmax as emitSoftmax } from "../onnx/elementwise.ts";
import { onlyValue } from "./only-value.ts";

/** Axis of the value with its batch axis first. */
function softmaxAxis(shape: Shape, params: Params): number {
  const dim = numberParam(params, "dim");
  return dim === -1 ? shape.length : dim;
}

export const softmax: LayerDefinition = {
  type: "Softmax",
  engineNumber: 39,
  role: "layer",
  summary: "Turns scores into probabilities that add up to 1.",
  documentation:
    "y_i = e^(x_i) / Σ_j e^(x_j) along one axis. Shapes: any → the same. CrossEntropyLoss takes scores (logits), not " +
    "probabilities: do not put a Softmax before it.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {
    dim: {
      kind: "integer",
      default: -1,
      min: -1,
      max: 3,
      aliases: ["axis"],
      help: "The axis that adds up to 1, counted with the batch axis as 0; −1 is the last one.",
    },
  },
  infer(inputs, params) {
    const input = onlyInput(inputs);
    const axis = softmaxAxis(input, params);
    if (axis >= 1 && axis <= input.length) return shapeOk(input);
    return refuse(
      `Softmax has dim ${axis}, and its input ${formatShape(input)} has dims 1 to ${input.length} beside the batch`,
      "set dim to -1",
    );
  },
  parameters: () => [],
  cost(_inputs, output) {
    const elements = elementCount(output);
    return {
      forwardFlops: 5 * elements,
      backwardFlops: 4 * elements,
      activationBytes: 4 * elements,
    };
  },
  lower(inputs, { emit, params }) {
    const x = onlyValue(inputs);
    return emitSoftmax(emit, x, softmaxAxis(x.shape.slice(1), params));
  },
};
