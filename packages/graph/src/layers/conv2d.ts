import { defined } from "@cyxwiz/primitives";
import type { LayerDefinition, Params, Shape } from "../layer/layer-definition.ts";
import { booleanParam, numberParam, textParam } from "./read-param.ts";
import { elementCount, extentAt, onlyInput, shapeOk } from "./shape-rule.ts";
import { refuseLargeWindow, refuseNonImage, slideWindow } from "./window.ts";
import type { Window } from "./window.ts";
import { conv2d as emitConv2d } from "../onnx/convolution.ts";
import { gelu, relu, sigmoid, tanh } from "../onnx/elementwise.ts";
import type { Emitter, Value } from "../onnx/emitter.ts";
import { onlyValue } from "./only-value.ts";

const ACTIVATIONS: Readonly<Record<string, (emit: Emitter, x: Value) => Value>> = { relu, gelu, tanh, sigmoid };

function convWindow(input: Shape, params: Params): Window {
  return slideWindow(input, {
    kernel: numberParam(params, "kernel_size"),
    stride: numberParam(params, "stride"),
    padding: defined(params["padding"], "parameter padding"),
  });
}

export const conv2d: LayerDefinition = {
  type: "Conv2D",
  engineNumber: 2,
  role: "layer",
  summary: "Slides a bank of small filters over an image.",
  documentation:
    "y[o] = activation(Σ_c W[o, c] ⋆ x[c] + b[o]), cross-correlation as in PyTorch. Shapes: [C, H, W] → [filters, H', W'], " +
    "H' = ⌊(H + pads − kernel_size) / stride⌋ + 1; with padding \"same\" H' = ⌈H / stride⌉, the odd zero below and to the " +
    "right. W [filters, C, k, k], b [filters]; both start as U(−1/√(C·k²), 1/√(C·k²)).",
  inputs: [{ name: "Input", kind: "tensor" }],
  outputs: [{ name: "Output", kind: "tensor" }],
  params: {
    filters: {
      kind: "integer",
      default: 32,
      min: 1,
      max: 8192,
      aliases: ["out_channels"],
      help: "How many filters, which is the number of output channels.",
    },
    kernel_size: {
      kind: "integer",
      default: 3,
      min: 1,
      max: 31,
      help: "Width and height of a filter, in pixels.",
    },
    stride: {
      kind: "integer",
      default: 1,
      min: 1,
      max: 16,
      help: "How far the filter moves between outputs.",
    },
    padding: {
      kind: "choice-or-integer",
      default: "same",
      choices: ["same", "valid"],
      min: 0,
      max: 30,
      help: 'Zeros around the image: "same" keeps its size at stride 1, "valid" adds none, a number adds that many on each side.',
    },
    activation: {
      kind: "choice",
      default: "none",
      choices: ["none", ...Object.keys(ACTIVATIONS)],
      help: "Applied to every output.",
    },
    bias: {
      kind: "boolean",
      default: true,
      help: "Whether a trained constant is added to every channel.",
    },
  },
  infer(inputs, params) {
    const input = onlyInput(inputs);
    const noImage = refuseNonImage("Conv2D", input);
    if (noImage) return noImage;
    const window = convWindow(input, params);
    const tooLarge = refuseLargeWindow("Conv2D", input, window, "kernel_size");
    return tooLarge ?? shapeOk([numberParam(params, "filters"), window.outHeight, window.outWidth]);
  },
  parameters(nodeId, inputs, params) {
    const channels = extentAt(onlyInput(inputs), 0);
    const filters = numberParam(params, "filters");
    const kernel = numberParam(params, "kernel_size");
    const init = { kind: "fan-in-uniform", fanIn: channels * kernel * kernel } as const;
    const shape = [filters, channels, kernel, kernel];
    const weight = { name: `${nodeId}.weight`, shape, init, role: "weight" } as const;
    const bias = { name: `${nodeId}.bias`, shape: [filters], init, role: "weight" } as const;
    return booleanParam(params, "bias") ? [weight, bias] : [weight];
  },
  cost(inputs, output, params) {
    const input = onlyInput(inputs);
    const outputs = elementCount(output);
    const products = outputs * extentAt(input, 0) * numberParam(params, "kernel_size") ** 2;
    const biasFlops = booleanParam(params, "bias") ? outputs : 0;
    const activated = textParam(params, "activation") !== "none";
    return {
      forwardFlops: 2 * products + biasFlops + (activated ? outputs : 0),
      backwardFlops: 4 * products + biasFlops + (activated ? 2 * outputs : 0),
      activationBytes: 4 * (elementCount(input) + (activated ? outputs : 0)),
    };
  },
  lower(inputs, context) {
    const { emit, params } = context;
    const x = onlyValue(inputs);
    const { stride, pads } = convWindow(x.shape.slice(1), params);
    const bias = booleanParam(params, "bias") ? context.parameter("bias") : undefined;
    const filtered = emitConv2d(emit, [x, context.parameter("weight"), bias], { stride, pads });
    const activate = ACTIVATIONS[textParam(params, "activation")];
    return activate ? activate(emit, filtered) : filtered;
  },
};
