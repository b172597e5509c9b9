/** What MaxPool2D and AvgPool2D share: parameters and shape rule. */
import type { ParamDefinition, Params, Shape, ShapeResult } from "../layer/layer-definition.ts";
import { numberParam } from "./read-param.ts";
import { extentAt, shapeOk } from "./shape-rule.ts";
import { refuseLargeWindow, refuseNonImage, slideWindow } from "./window.ts";
import type { Window } from "./window.ts";

export const POOL_PARAMS: Readonly<Record<string, ParamDefinition>> = {
  pool_size: {
    kind: "integer",
    default: 2,
    min: 1,
    max: 64,
    aliases: ["kernel_size"],
    help: "Width and height of a window, in pixels.",
  },
  stride: {
    kind: "integer",
    default: 2,
    min: 1,
    max: 64,
    help: "How far the window moves between outputs.",
  },
};

export function poolWindow(input: Shape, params: Params): Window {
  return slideWindow(input, {
    kernel: numberParam(params, "pool_size"),
    stride: numberParam(params, "stride"),
    padding: "valid",
  });
}

export function inferPool(layer: string, input: Shape, params: Params): ShapeResult {
  const noImage = refuseNonImage(layer, input);
  if (noImage) return noImage;
  const window = poolWindow(input, params);
  const tooLarge = refuseLargeWindow(layer, input, window, "pool_size");
  return tooLarge ?? shapeOk([extentAt(input, 0), window.outHeight, window.outWidth]);
}
