/**
 * Tensors whose values are rounding noise by the graph's own shape.
 *
 * A bias right before a BatchNorm is taken away again with the batch's mean. Its true gradient is 0, what is computed is
 * rounding, and Adam moves it by full steps all the same; the running mean of the BatchNorm follows it. Two correct
 * runtimes therefore disagree in these two, and in nothing else. Biases that are absorbed only behind further layers
 * (Add, Concatenate) are not looked for.
 */
import { type CompiledModel, type Graph, inferShapes, type ShapedGraph } from "@cyxwiz/graph";

/** Names of state tensors: the absorbed biases and the running means that follow them. Pure. */
export function absorbedTensors(graph: Graph, model: CompiledModel): ReadonlySet<string> {
  const shaped = inferShapes(graph, model.sampleShape);
  if (shaped.kind === "invalid") return new Set();
  const biases = new Set(model.state.filter(({ role }) => role === "weight").map(({ name }) => name));
  const norms = new Set(graph.nodes.filter(({ type }) => type === "BatchNorm").map(({ id }) => id));
  const absorbed = new Set<string>();
  for (const [norm, [source]] of shaped.sources) {
    if (!norms.has(norm) || source === undefined || !biases.has(`${source}.bias`)) continue;
    if (!isPerChannel(graph, shaped, source) || !consumersOf(shaped, source).every((id) => norms.has(id))) continue;
    absorbed.add(`${source}.bias`).add(`${norm}.running_mean`);
  }
  return absorbed;
}

/** Whether a layer adds one number to everything that BatchNorm averages together. */
function isPerChannel(graph: Graph, shaped: ShapedGraph, id: string): boolean {
  const type = graph.nodes.find((node) => node.id === id)?.type;
  return type === "Conv2D" || type === "BatchNorm" || shaped.shapes.get(id)?.length === 1;
}

function consumersOf({ sources }: ShapedGraph, id: string): readonly string[] {
  return [...sources].filter(([, from]) => from.includes(id)).map(([consumer]) => consumer);
}
