import type { LayerDefinition } from "../layer/layer-definition.ts";
import { elementCount, onlyInput, shapeOk } from "./shape-rule.ts";
import { flatten as emitFlatten } from "../onnx/layout.ts";
import { onlyValue } from "./only-value.ts";

export const flatten: LayerDefinition = {
  type: "Flatten",
  engineNumber: 15,
  role: "layer",
  summary: "Lays an image or sequence out as one row of features.",
  documentation:
    "Keeps every value and its order (the last axis runs fastest). Shapes: [C, H, W] → [C·H·W]. Free of cost; " +
    "use it between the last Conv2D or pool and the first Dense.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {},
  infer: (inputs) => shapeOk([elementCount(onlyInput(inputs))]),
  parameters: () => [],
  cost: () => ({ forwardFlops: 0, backwardFlops: 0, activationBytes: 0 }),
  lower: (inputs, { emit }) => emitFlatten(emit, onlyValue(inputs)),
};
