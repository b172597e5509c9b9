/**
 * The words of shape rules: how a shape is written in a message, and how a refusal is put together.
 *
 * Every refusal names what came, what the layer expected and one thing to do about it.
 */
import { defined } from "@cyxwiz/primitives";
import type { Shape, ShapeProblem, ShapeResult } from "../layer/layer-definition.ts";

export function shapeOk(shape: Shape): ShapeResult {
  return { kind: "shape", shape };
}

export function refuse(message: string, fix: string): ShapeProblem {
  return { kind: "problem", message, fix };
}

/** `[3, 32, 32]`, as every message writes it. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Number of elements of one sample; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** The one input of a layer that has one; shape inference calls a rule only when every pin is connected. */
export function onlyInput(inputs: readonly Shape[]): Shape {
  return defined(inputs[0], "the input shape of a connected layer");
}

/** Extent of an axis that the shape rule has already checked. */
export function extentAt(shape: Shape, axis: number): number {
  return defined(shape[axis], `axis ${axis} of shape ${formatShape(shape)}`);
}

/** Extent of the last axis. */
export function lastExtent(shape: Shape): number {
  return extentAt(shape, shape.length - 1);
}
