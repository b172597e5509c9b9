/** Runs every layer's lowering in order: one walk serves training, prediction and export. */
import { assert, defined } from "@cyxwiz/primitives";
import type { Shape } from "../layer/layer-definition.ts";
import { CATALOGUE } from "../layers/catalogue.ts";
import type { Emitter, Value } from "../onnx/emitter.ts";
import { layersBehind } from "./network.ts";
import type { Network, NetworkLayer } from "./network.ts";

export interface LoweringSurroundings {
  readonly emit: Emitter;
  readonly mode: "train" | "infer";
  /** The batch, [N, ...sample]. */
  readonly input: Value;
  /** The value of a weight or statistic, by its full name. */
  parameter(name: string): Value;
  updateStatistic(name: string, value: Value): void;
  dropoutMask(layer: NetworkLayer, shape: Shape, rate: number): Value;
}

/** Emits what one node of the network depends on, and answers that node's value. Adds nodes to the emitter. */
export function lowerNetwork(network: Network, target: string, surroundings: LoweringSurroundings): Value {
  const { emit, mode, input } = surroundings;
  const batch = defined(input.shape[0], "the batch axis");
  const values = new Map<string, Value>([[network.inputId, input]]);
  for (const layer of layersBehind(network.layers, [target])) {
    const { node, params } = layer;
    const definition = CATALOGUE[node.type];
    assert(definition.lower, `${node.type} has a lowering`);
    const inputs = layer.sources.map((source) => defined(values.get(source), `the value of ${source}`));
    const output = definition.lower(inputs, {
      emit,
      mode,
      batch,
      nodeId: node.id,
      params,
      parameter: (suffix) => surroundings.parameter(`${node.id}.${suffix}`),
      updateStatistic: (suffix, value) => surroundings.updateStatistic(`${node.id}.${suffix}`, value),
      dropoutMask: (shape, rate) => surroundings.dropoutMask(layer, shape, rate),
    });
    const expected = [batch, ...layer.outputShape];
    assert(
      output.shape.length === expected.length && output.shape.every((extent, axis) => extent === expected[axis]),
      `"${node.name}" (${node.type}) was lowered to [${output.shape.join(", ")}], its shape rule says [${expected.join(", ")}]`,
    );
    values.set(node.id, output);
  }
  return defined(values.get(target), `the value of ${target}`);
}
