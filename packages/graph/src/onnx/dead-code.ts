/** Drops what no output of a graph depends on. */
import type { NodeProto, TensorProto, ValueInfo } from "./model-proto.ts";

/**
 * Operators whose later outputs may be left out: a MaxPool that nobody asks for indices has a faster kernel, and other
 * readers of the file expect it without.
 */
const REQUIRED_OUTPUTS: Readonly<Record<string, number>> = { MaxPool: 1, LayerNormalization: 1 };

/**
 * The nodes and initializers that the outputs need, in their order.
 *
 * Nodes are in topological order, so one walk from the end finds them all. Pure.
 */
export function keepNeeded(
  nodes: readonly NodeProto[],
  initializers: readonly TensorProto[],
  outputs: readonly ValueInfo[],
): { readonly nodes: readonly NodeProto[]; readonly initializers: readonly TensorProto[] } {
  const needed = new Set(outputs.map((output) => output.name));
  const kept: NodeProto[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    for (const name of [...node.inputs, ...namesFromOutside(node)]) needed.add(name);
    kept.push(trimOutputs(node, needed));
  }
  return { nodes: kept.toReversed(), initializers: initializers.filter((tensor) => needed.has(tensor.name)) };
}

function trimOutputs(node: NodeProto, needed: ReadonlySet<string>): NodeProto {
  const required = REQUIRED_OUTPUTS[node.op];
  if (required === undefined || node.outputs.slice(required).some((name) => needed.has(name))) return node;
  return { ...node, outputs: node.outputs.slice(0, required) };
}

/** What the body of a loop reads; more than it reads from outside, which does no harm. */
function namesFromOutside(node: NodeProto): readonly string[] {
  return Object.values(node.attributes).flatMap((attribute) =>
    "graph" in attribute ? attribute.graph.nodes.flatMap((inner) => inner.inputs) : [],
  );
}
