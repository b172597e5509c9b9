/** Everything that is wrong with a graph for one dataset, in one answer. */
import type { Shape } from "../layer/layer-definition.ts";
import type { Graph } from "../model/graph.ts";
import { analyseGraph } from "./analyse-graph.ts";
import { checkTarget } from "./check-target.ts";
import type { DatasetTarget } from "./check-target.ts";
import type { GraphProblem } from "./graph-problem.ts";

/** What a dataset holds, as far as the graph has to fit it. Shapes without the batch axis. */
export type DatasetShape = { readonly sampleShape: Shape } & DatasetTarget;

/**
 * All problems of a graph at once; empty means that it can be trained on the dataset as it is.
 *
 * A problem with severity "error" stops training, a "warning" does not. Each names its layer by name and type, and one
 * thing to do. The order is: wires, roles, cycles, parameters, shapes, target; inside each the order of the graph.
 * Cost: linear in nodes and wires. Pure, never throws on a wrong graph.
 * @see SPEC.md SH1 to SH17.
 */
export function checkGraph(graph: Graph, dataset: DatasetShape): readonly GraphProblem[] {
  const analysis = analyseGraph(graph, dataset.sampleShape);
  return [...analysis.problems, ...checkTarget(analysis, dataset)];
}
