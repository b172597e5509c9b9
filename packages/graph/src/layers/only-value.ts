import { defined } from "@cyxwiz/primitives";
import type { Value } from "../onnx/emitter.ts";

/** The value on the one input pin of a layer that has one. */
export function onlyValue(inputs: readonly Value[]): Value {
  return defined(inputs[0], "the input of a connected layer");
}
