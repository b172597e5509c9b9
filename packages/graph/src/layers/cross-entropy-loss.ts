import type { LayerDefinition } from "../layer/layer-definition.ts";
import { elementCount, formatShape, lastExtent, onlyInput, refuse, shapeOk } from "./shape-rule.ts";
import { LOSS_INPUTS, LOSS_OUTPUTS } from "./loss-layer.ts";

export const crossEntropyLoss: LayerDefinition = {
  type: "CrossEntropyLoss",
  engineNumber: 52,
  role: "loss",
  summary: "For classes: how surprised the model is by the right answer.",
  documentation:
    "loss = −mean over the batch of log softmax(x)[label]. Takes scores (logits), not probabilities: no Softmax before it. " +
    "Shapes: [classes] and one class number per sample → one number.",
  inputs: LOSS_INPUTS,
  outputs: LOSS_OUTPUTS,
  params: {},
  infer(inputs) {
    const input = onlyInput(inputs);
    if (input.length !== 1) {
      return refuse(
        `CrossEntropyLoss got ${formatShape(input)}, and expects one score per class [classes]`,
        "insert a Flatten and a Dense before the Output",
      );
    }
    if (lastExtent(input) >= 2) return shapeOk([]);
    return refuse(
      "CrossEntropyLoss got 1 class, and expects at least 2 (with one, every answer is right)",
      "give the Output 2 classes or more, or use MSELoss to predict a number",
    );
  },
  parameters: () => [],
  cost(inputs) {
    const classes = elementCount(onlyInput(inputs));
    return { forwardFlops: 6 * classes, backwardFlops: 3 * classes, activationBytes: 4 * classes };
  },
};
