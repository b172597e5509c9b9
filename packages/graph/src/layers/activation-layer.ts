/** The form that ReLU, GELU, Tanh and Sigmoid share: one input, the same shape out, nothing to set or train. */
import type { LayerDefinition } from "../layer/layer-definition.ts";
import type { Emitter, Value } from "../onnx/emitter.ts";
import type { LayerType } from "../model/layer-type.ts";
import { elementCount, onlyInput, shapeOk } from "./shape-rule.ts";
import { onlyValue } from "./only-value.ts";

export interface ActivationDescription {
  readonly type: LayerType;
  readonly engineNumber: number;
  readonly summary: string;
  readonly documentation: string;
  /** Floating-point operations per element, counting a transcendental function as one. */
  readonly forwardFlops: number;
  readonly backwardFlops: number;
  /** Tensors of the layer's size that the backward pass reads again. */
  readonly tensorsKept: number;
  readonly emit: (emit: Emitter, x: Value) => Value;
}

export function activationLayer(description: ActivationDescription): LayerDefinition {
  const { type, engineNumber, summary, documentation } = description;
  return {
    type,
    engineNumber,
    role: "layer",
    summary,
    documentation: `${documentation} Shapes: any → the same.`,
    inputs: [{ name: "Input", kind: "tensor" }],
    outputs: [{ name: "Output", kind: "tensor" }],
    params: {},
    infer: (inputs) => shapeOk(onlyInput(inputs)),
    parameters: () => [],
    cost(_inputs, output) {
      const elements = elementCount(output);
      return {
        forwardFlops: description.forwardFlops * elements,
        backwardFlops: description.backwardFlops * elements,
        activationBytes: 4 * description.tensorsKept * elements,
      };
    },
    lower: (inputs, { emit }) => description.emit(emit, onlyValue(inputs)),
  };
}
