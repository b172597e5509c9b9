import type { LayerDefinition } from "../layer/layer-definition.ts";
import { elementCount, formatShape, onlyInput, refuse, sameShape, shapeOk } from "./shape-rule.ts";
import { add as emitAdd } from "../onnx/elementwise.ts";

export const add: LayerDefinition = {
  type: "Add",
  engineNumber: 47,
  role: "layer",
  summary: "Adds two or more values of one shape: a residual connection.",
  documentation: "y = x₁ + x₂ + …, element by element. Shapes: all inputs the same → that shape.",
  inputs: [{ name: "Inputs", kind: "tensor", many: true }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {},
  infer(inputs) {
    const first = onlyInput(inputs);
    if (inputs.length < 2) {
      return refuse("Add got 1 input, and expects at least 2", "connect a second layer to it, or remove it");
    }
    const other = inputs.find((input) => !sameShape(input, first));
    if (!other) return shapeOk(first);
    return refuse(
      `Add got ${formatShape(first)} and ${formatShape(other)}, and expects equal shapes`,
      first.length === 3 && other.length === 3
        ? "give both branches the same filters and strides (a Conv2D with kernel_size 1 on the shortcut does it)"
        : "give both branches the same number of units",
    );
  },
  parameters: () => [],
  cost: (inputs, output) => ({
    forwardFlops: (inputs.length - 1) * elementCount(output),
    backwardFlops: 0,
    activationBytes: 0,
  }),
  lower: (inputs, { emit }) => inputs.reduce((sum, input) => emitAdd(emit, sum, input)),
};
