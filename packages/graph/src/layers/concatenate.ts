import type { LayerDefinition } from "../layer/layer-definition.ts";
import { numberParam } from "./read-param.ts";
import { extentAt, formatShape, onlyInput, refuse, shapeOk } from "./shape-rule.ts";
import { concatenate as emitConcatenate } from "../onnx/layout.ts";

export const concatenate: LayerDefinition = {
  type: "Concatenate",
  engineNumber: 46,
  role: "layer",
  summary: "Puts values side by side along one axis.",
  documentation:
    "y = [x₁, x₂, …] along dim, in the order of the wires. Shapes: equal but for that axis, whose extents add up: " +
    "[C₁, H, W], [C₂, H, W] → [C₁ + C₂, H, W] at dim 1.",
  inputs: [{ name: "Inputs", kind: "tensor", many: true }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {
    dim: {
      kind: "integer",
      default: 1,
      min: 1,
      max: 3,
      aliases: ["axis"],
      help: "The axis that grows, counted with the batch axis as 0: 1 is features, or the channels of an image.",
    },
  },
  infer(inputs, params) {
    const first = onlyInput(inputs);
    const axis = numberParam(params, "dim") - 1;
    if (inputs.length < 2) {
      return refuse("Concatenate got 1 input, and expects at least 2", "connect a second layer to it, or remove it");
    }
    if (axis >= first.length) {
      return refuse(
        `Concatenate has dim ${axis + 1}, and its input ${formatShape(first)} has dims 1 to ${first.length} beside the batch`,
        "set dim to 1",
      );
    }
    const other = inputs.find(
      (input) =>
        input.length !== first.length || input.some((extent, index) => index !== axis && extent !== first[index]),
    );
    if (other) {
      return refuse(
        `Concatenate got ${formatShape(first)} and ${formatShape(other)}, which differ beside dim ${axis + 1}`,
        first.length === other.length
          ? "give both branches the same strides and pools, or choose another dim"
          : "insert a Flatten before it on the branch that is an image",
      );
    }
    const total = inputs.reduce((sum, input) => sum + extentAt(input, axis), 0);
    return shapeOk(first.map((extent, index) => (index === axis ? total : extent)));
  },
  parameters: () => [],
  cost: () => ({ forwardFlops: 0, backwardFlops: 0, activationBytes: 0 }),
  lower: (inputs, { emit, params }) => emitConcatenate(emit, inputs, numberParam(params, "dim")),
};
