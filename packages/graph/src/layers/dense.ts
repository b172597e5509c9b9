import type { LayerDefinition } from "../layer/layer-definition.ts";
import { booleanParam, numberParam } from "./read-param.ts";
import { elementCount, lastExtent, onlyInput, refuse, formatShape, shapeOk } from "./shape-rule.ts";
import { dense as emitDense } from "../onnx/matrix.ts";
import { onlyValue } from "./only-value.ts";

export const dense: LayerDefinition = {
  type: "Dense",
  engineNumber: 0,
  role: "layer",
  summary: "A fully connected layer: every output is a weighted sum of every input.",
  documentation:
    "y = x·Wᵀ + b, on the last axis; other axes are treated alike. Shapes: [.., features] → [.., units]; " +
    "W [units, features], b [units]. Weights start as U(−1/√features, 1/√features), PyTorch's default.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {
    units: {
      kind: "integer",
      default: 128,
      min: 1,
      max: 65_536,
      aliases: ["out_features"],
      help: "How many outputs the layer has.",
    },
    bias: {
      kind: "boolean",
      default: true,
      help: "Whether a trained constant is added to every output.",
    },
  },
  infer(inputs, params) {
    const input = onlyInput(inputs);
    if (input.length === 3) {
      return refuse(
        `Dense got an image ${formatShape(input)}, and expects features on its last axis`,
        "insert a Flatten before it",
      );
    }
    return shapeOk([...input.slice(0, -1), numberParam(params, "units")]);
  },
  parameters(nodeId, inputs, params) {
    const features = lastExtent(onlyInput(inputs));
    const units = numberParam(params, "units");
    const init = { kind: "fan-in-uniform", fanIn: features } as const;
    const weight = {
      name: `${nodeId}.weight`,
      shape: [units, features],
      init,
      role: "weight",
    } as const;
    const bias = { name: `${nodeId}.bias`, shape: [units], init, role: "weight" } as const;
    return booleanParam(params, "bias") ? [weight, bias] : [weight];
  },
  cost(inputs, output, params) {
    const input = onlyInput(inputs);
    const products = elementCount(output) * lastExtent(input);
    const biasFlops = booleanParam(params, "bias") ? elementCount(output) : 0;
    return {
      forwardFlops: 2 * products + biasFlops,
      backwardFlops: 4 * products + biasFlops,
      activationBytes: 4 * elementCount(input),
    };
  },
  lower(inputs, context) {
    const bias = booleanParam(context.params, "bias") ? context.parameter("bias") : undefined;
    return emitDense(context.emit, onlyValue(inputs), context.parameter("weight"), bias);
  },
};
