/**
 * Geometry of sliding windows: what Conv2D and the pools share.
 *
 * H' = ⌊(H + padBefore + padAfter − kernel) / stride⌋ + 1 on each axis; a part of the input that no window reaches is
 * left out, as in PyTorch. "same" is Keras' and ONNX's SAME_UPPER: H' = ⌈H / stride⌉, the odd zero goes after.
 */
import { assert } from "@cyxwiz/primitives";
import type { ParamValue } from "../model/graph.ts";
import type { Shape, ShapeProblem } from "../layer/layer-definition.ts";
import { extentAt, formatShape, refuse } from "./shape-rule.ts";

/** Square windows over [C, H, W]. Pads in ONNX's order. Units: elements. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly pads: readonly [top: number, left: number, bottom: number, right: number];
  readonly outHeight: number;
  readonly outWidth: number;
}

export interface WindowOptions {
  readonly kernel: number;
  readonly stride: number;
  /** "same", "valid", or zeros on each side. */
  readonly padding: ParamValue;
}

/** Zeros before and after one axis. */
function zerosAround(extent: number, { kernel, stride, padding }: WindowOptions): readonly [number, number] {
  if (padding === "valid") return [0, 0];
  if (padding === "same") {
    const total = Math.max((Math.ceil(extent / stride) - 1) * stride + kernel - extent, 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }
  assert(typeof padding === "number", `padding is "same", "valid" or a number`);
  return [padding, padding];
}

/**
 * The window geometry over a [C, H, W] input; extents below 1 say that the window does not fit.
 *
 * Pure.
 */
export function slideWindow(input: Shape, options: WindowOptions): Window {
  const { kernel, stride } = options;
  const height = extentAt(input, 1);
  const width = extentAt(input, 2);
  const [top, bottom] = zerosAround(height, options);
  const [left, right] = zerosAround(width, options);
  return {
    kernel,
    stride,
    pads: [top, left, bottom, right],
    outHeight: Math.floor((height + top + bottom - kernel) / stride) + 1,
    outWidth: Math.floor((width + left + right - kernel) / stride) + 1,
  };
}

/** The refusal of an input that is no image, or undefined. */
export function refuseNonImage(layer: string, input: Shape): ShapeProblem | undefined {
  if (input.length === 3) return undefined;
  const fix =
    input.length === 1
      ? `move ${layer} before the Flatten, or use Dense here`
      : "choose a dataset whose samples are images of shape [channels, height, width]";
  return refuse(`${layer} got ${formatShape(input)}, and expects an image [channels, height, width]`, fix);
}

/** The refusal of a window that is larger than the padded input, or undefined. */
export function refuseLargeWindow(
  layer: string,
  input: Shape,
  window: Window,
  sizeParam: string,
): ShapeProblem | undefined {
  if (window.outHeight >= 1 && window.outWidth >= 1) return undefined;
  const [top, left, bottom, right] = window.pads;
  const largest = Math.min(extentAt(input, 1) + top + bottom, extentAt(input, 2) + left + right);
  return refuse(
    `${layer} has a ${window.kernel}×${window.kernel} window, and its input ${formatShape(input)} with padding is only ${largest} wide`,
    `set ${sizeParam} to at most ${largest}, or remove a layer before it that shrinks the image`,
  );
}
