import type { LayerDefinition } from "../layer/layer-definition.ts";
import { elementCount, formatShape, lastExtent, onlyInput, refuse, shapeOk } from "./shape-rule.ts";
import { layerNorm as emitLayerNorm } from "../onnx/normalization.ts";
import { numberParam } from "./read-param.ts";
import { onlyValue } from "./only-value.ts";

export const layerNorm: LayerDefinition = {
  type: "LayerNorm",
  engineNumber: 11,
  role: "layer",
  summary: "Brings each sample's features to mean 0 and variance 1.",
  documentation:
    "y = (x − μ)/√(σ² + epsilon)·w + b with μ and σ² over the last axis. Shapes: [.., F] → the same; w, b [F]. " +
    "It does not look at other samples, so training and prediction do the same.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {
    epsilon: {
      kind: "number",
      default: 1e-5,
      min: 1e-12,
      max: 1,
      aliases: ["eps"],
      help: "Added to the variance, so that constant features divide by something.",
    },
  },
  infer(inputs) {
    const input = onlyInput(inputs);
    if (lastExtent(input) >= 2) return shapeOk(input);
    return refuse(
      `LayerNorm got ${formatShape(input)}, and expects at least 2 features on the last axis (one alone is always 0)`,
      "remove it, or give the layer before it more units",
    );
  },
  parameters(nodeId, inputs) {
    const shape = [lastExtent(onlyInput(inputs))];
    return [
      { name: `${nodeId}.weight`, shape, init: { kind: "ones" }, role: "weight" },
      { name: `${nodeId}.bias`, shape, init: { kind: "zeros" }, role: "weight" },
    ];
  },
  cost(_inputs, output) {
    const elements = elementCount(output);
    return {
      forwardFlops: 8 * elements,
      backwardFlops: 12 * elements,
      activationBytes: 4 * elements,
    };
  },
  lower(inputs, context) {
    const affine = { weight: context.parameter("weight"), bias: context.parameter("bias") };
    const epsilon = numberParam(context.params, "epsilon");
    return emitLayerNorm(context.emit, onlyValue(inputs), { affine, epsilon });
  },
};
