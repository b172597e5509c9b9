import type { LayerDefinition } from "../layer/layer-definition.ts";
import { numberParam } from "./read-param.ts";
import { formatShape, lastExtent, onlyInput, refuse, shapeOk } from "./shape-rule.ts";
import { onlyValue } from "./only-value.ts";

export const output: LayerDefinition = {
  type: "Output",
  engineNumber: 50,
  role: "output",
  summary: "What the model answers: one score per class, or the predicted values.",
  documentation:
    "Passes its input through and marks it as the model's answer; the loss is connected here. Shapes: [.., classes] → the " +
    "same. It trains nothing: the layer before it must have as many units as there are classes.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Predictions", kind: "tensor" }],
  params: {
    classes: {
      kind: "integer",
      default: 10,
      min: 1,
      max: 65_536,
      aliases: ["num_classes"],
      help: "How many classes the model tells apart, or how many values it predicts.",
    },
  },
  infer(inputs, params) {
    const input = onlyInput(inputs);
    const classes = numberParam(params, "classes");
    if (input.length === 3) {
      return refuse(
        `Output got an image ${formatShape(input)}, and expects ${classes} values`,
        `insert a Flatten and a Dense with ${classes} units before it`,
      );
    }
    if (lastExtent(input) === classes) return shapeOk(input);
    return refuse(
      `Output has ${classes} classes, and its input ${formatShape(input)} has ${lastExtent(input)}`,
      `insert a Dense with ${classes} units before it, or set classes to ${lastExtent(input)}`,
    );
  },
  parameters: () => [],
  cost: () => ({ forwardFlops: 0, backwardFlops: 0, activationBytes: 0 }),
  lower: (inputs) => onlyValue(inputs),
};
