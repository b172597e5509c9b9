import { defined } from "@cyxwiz/primitives";
import type { LayerDefinition, Params } from "../layer/layer-definition.ts";
import { resolveParams } from "../shape/resolve-params.ts";

/** A layer's parameters as shape inference hands them over: checked, defaults filled in. */
export function withParams(definition: LayerDefinition, params: Params = {}): Params {
  const node = { id: "n", type: definition.type, name: "layer", params };
  return defined(resolveParams(node, definition).params, `parameters that ${definition.type} accepts`);
}
