import { defined } from "@cyxwiz/primitives";
import type { Params, Shape } from "../layer/layer-definition.ts";
import type { Graph, GraphNode } from "../model/graph.ts";
import { analyseGraph, tensorWires } from "./analyse-graph.ts";
import type { GraphProblem } from "./graph-problem.ts";

/** A graph that holds: everything that cost and compilation need, by node id. */
export interface ShapedGraph {
  readonly kind: "ok";
  /** Every node, each after all that feed it; the same for equal graphs. */
  readonly order: readonly GraphNode[];
  /** What each node puts out, without the batch axis: the DatasetInput a sample, a loss and an optimizer `[]`. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Every parameter of each node, defaults filled in. */
  readonly params: ReadonlyMap<string, Params>;
  /** Shapes on each node's tensor pins, by pin; for the DatasetInput the sample's. */
  readonly inputs: ReadonlyMap<string, readonly Shape[]>;
  /** Ids of the nodes behind those pins, in the same order; none for the DatasetInput and the optimizer. */
  readonly sources: ReadonlyMap<string, readonly string[]>;
}

export type InferResult = ShapedGraph | { readonly kind: "invalid"; readonly problems: readonly GraphProblem[] };

/**
 * Works out the shape of every layer for samples of one shape.
 *
 * Shapes: `sampleShape` and all results without the batch axis. Invalid when the graph could not be trained on any
 * dataset of such samples; whether the labels fit is `checkGraph`'s question. Cost: linear in nodes and wires. Pure.
 * @see SPEC.md SH1 to SH12, SH17.
 */
export function inferShapes(graph: Graph, sampleShape: Shape): InferResult {
  const { order, facts, problems } = analyseGraph(graph, sampleShape);
  const errors = problems.filter((problem) => problem.severity === "error");
  if (errors.length > 0) return { kind: "invalid", problems: errors };
  const shapes = new Map<string, Shape>();
  const params = new Map<string, Params>();
  const inputs = new Map<string, readonly Shape[]>();
  const sources = new Map<string, readonly string[]>();
  for (const wired of order) {
    const found = defined(facts.get(wired), "the facts of an ordered node");
    const { id } = wired.node;
    shapes.set(id, defined(found.shape, "the shape of a node without problems"));
    params.set(id, defined(found.params, "the parameters of a node without problems"));
    inputs.set(id, defined(found.inputs, "the input shapes of a node without problems"));
    sources.set(
      id,
      tensorWires(wired).map((wire) => wire.from.node.id),
    );
  }
  return { kind: "ok", order: order.map((wired) => wired.node), shapes, params, inputs, sources };
}
