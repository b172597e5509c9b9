import type { LayerDefinition } from "../layer/layer-definition.ts";
import { elementCount, extentAt, formatShape, onlyInput, refuse, shapeOk } from "./shape-rule.ts";
import { batchNormInference, batchNormTraining } from "../onnx/normalization.ts";
import type { Value } from "../onnx/emitter.ts";
import { binary, scale } from "../onnx/plain.ts";
import { numberParam } from "./read-param.ts";
import { onlyValue } from "./only-value.ts";

export const batchNorm: LayerDefinition = {
  type: "BatchNorm",
  engineNumber: 10,
  role: "layer",
  summary: "Brings each channel to mean 0 and variance 1 over the batch.",
  documentation:
    "y = (x − μ)/√(σ² + epsilon)·w + b per feature of [F], or per channel of [C, H, W]. Training takes μ and σ² of the " +
    "batch and moves the running ones: r ← (1 − momentum)·r + momentum·batch (σ² unbiased, as PyTorch); prediction takes the " +
    "running ones. Shapes: any → the same; w, b, running_mean, running_var [C]. Needs at least 2 values per channel.",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {
    epsilon: {
      kind: "number",
      default: 1e-5,
      min: 1e-12,
      max: 1,
      aliases: ["eps"],
      help: "Added to the variance, so that a constant channel divides by something.",
    },
    momentum: {
      kind: "number",
      default: 0.1,
      min: 0,
      max: 1,
      help: "Share of the new batch in the running statistics (PyTorch's meaning).",
    },
  },
  infer(inputs) {
    const input = onlyInput(inputs);
    if (input.length === 1 || input.length === 3) return shapeOk(input);
    return refuse(
      `BatchNorm got ${formatShape(input)}, and expects features [F] or an image [channels, height, width]`,
      "use LayerNorm for sequences, or insert a Flatten before it",
    );
  },
  parameters(nodeId, inputs) {
    const shape = [extentAt(onlyInput(inputs), 0)];
    return [
      { name: `${nodeId}.weight`, shape, init: { kind: "ones" }, role: "weight" },
      { name: `${nodeId}.bias`, shape, init: { kind: "zeros" }, role: "weight" },
      { name: `${nodeId}.running_mean`, shape, init: { kind: "zeros" }, role: "statistic" },
      { name: `${nodeId}.running_var`, shape, init: { kind: "ones" }, role: "statistic" },
    ];
  },
  cost(_inputs, output) {
    const elements = elementCount(output);
    return {
      forwardFlops: 6 * elements,
      backwardFlops: 8 * elements,
      activationBytes: 8 * elements,
    };
  },
  lower(inputs, context) {
    const { emit, params } = context;
    const x = onlyValue(inputs);
    const affine = { weight: context.parameter("weight"), bias: context.parameter("bias") };
    const running = { mean: context.parameter("running_mean"), variance: context.parameter("running_var") };
    const epsilon = numberParam(params, "epsilon");
    if (context.mode === "infer") return batchNormInference(emit, x, { affine, running, epsilon });
    const { output, batch } = batchNormTraining(emit, x, { affine, epsilon });
    const momentum = numberParam(params, "momentum");
    const moved = (old: Value, fresh: Value): Value =>
      binary(emit, "Add", scale(emit, old, 1 - momentum), scale(emit, fresh, momentum));
    context.updateStatistic("running_mean", moved(running.mean, batch.mean));
    context.updateStatistic("running_var", moved(running.variance, batch.variance));
    return output;
  },
};
