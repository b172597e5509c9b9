/**
 * The one pass behind `inferShapes` and `checkGraph`: wires, order, roles, parameters, shapes.
 *
 * It always runs to the end and keeps what it could find out, so that one look shows every problem. A layer whose
 * parameters or sources are wrong has no shape, and layers behind it are not blamed for that. Linear in nodes and wires.
 */
import type { Params, Shape } from "../layer/layer-definition.ts";
import { MAX_SAMPLE_AXES, MAX_TENSOR_ELEMENTS } from "../limits.ts";
import type { Graph } from "../model/graph.ts";
import { elementCount, formatShape } from "../layers/shape-rule.ts";
import { checkRoles } from "./check-roles.ts";
import { nameNode, problemAt, problemOfGraph } from "./graph-problem.ts";
import type { GraphProblem } from "./graph-problem.ts";
import { resolveParams } from "./resolve-params.ts";
import { topologicalOrder } from "./topological-order.ts";
import { wireGraph } from "./wire-graph.ts";
import type { Wire, WiredNode } from "./wire-graph.ts";

/** What was found out about one node. */
interface NodeFacts {
  readonly params: Params | undefined;
  /** Shapes on its tensor pins, by pin; for the DatasetInput the sample's shape. Undefined where one is unknown. */
  readonly inputs: readonly Shape[] | undefined;
  readonly shape: Shape | undefined;
}

export interface Analysis {
  readonly order: readonly WiredNode[];
  readonly facts: ReadonlyMap<WiredNode, NodeFacts>;
  readonly problems: readonly GraphProblem[];
}

/** Analyses a graph over samples of one shape (without the batch axis). Pure, never throws on a wrong graph. */
export function analyseGraph(graph: Graph, sampleShape: Shape): Analysis {
  const wired = wireGraph(graph);
  const sorted = topologicalOrder(wired.nodes);
  const problems = [...wired.problems, ...checkRoles(wired.nodes), ...sorted.problems];
  const sample = isSampleShape(sampleShape) ? sampleShape : undefined;
  if (!sample) problems.push(malformedSample(sampleShape));

  const paramsOf = new Map<WiredNode, Params | undefined>();
  for (const node of wired.nodes) {
    const resolved = resolveParams(node.node, node.definition);
    paramsOf.set(node, resolved.params);
    problems.push(...resolved.problems);
  }
  const facts = new Map<WiredNode, NodeFacts>();
  for (const node of sorted.order) {
    const params = paramsOf.get(node);
    const inputs = node.definition.role === "data" ? sample && [sample] : inputShapes(node, facts);
    const shape = params && inputs && applyRule(node, { inputs, params }, problems);
    facts.set(node, { params, inputs, shape });
  }
  problems.push(...untrained(sorted.order, facts));
  return { order: sorted.order, facts, problems };
}

/** Layers with weights that lead to the Output but not to a loss: nothing ever trains them. */
function untrained(order: readonly WiredNode[], facts: ReadonlyMap<WiredNode, NodeFacts>): GraphProblem[] {
  const trained = new Set<WiredNode>();
  for (const wired of order.toReversed()) {
    if (wired.definition.role === "loss" || trained.has(wired)) {
      for (const wire of wired.incoming) trained.add(wire.from);
    }
  }
  const hasLoss = order.some((wired) => wired.definition.role === "loss" && tensorWires(wired).length > 0);
  if (!hasLoss) return [];
  return order.flatMap((wired) => {
    const found = facts.get(wired);
    if (trained.has(wired) || wired.outgoing.length === 0 || !found?.params || !found.inputs) return [];
    const specs = wired.definition.parameters(wired.node.id, found.inputs, found.params);
    if (!found.shape || specs.length === 0) return [];
    return problemAt(wired.node, {
      severity: "warning",
      code: "weights-untrained",
      message: `${nameNode(wired.node)} has weights and does not lead to the loss: they stay as they started`,
      fix: `connect "${wired.node.name}" so that it leads to the loss, or delete it`,
    });
  });
}

/** The wires that carry shapes: labels and loss have none of their own. */
export function tensorWires(node: WiredNode): readonly Wire[] {
  return node.incoming.filter((wire) => node.definition.inputs[wire.toPin]?.kind === "tensor");
}

function isSampleShape(shape: Shape): boolean {
  return (
    shape.length >= 1 &&
    shape.length <= MAX_SAMPLE_AXES &&
    shape.every((extent) => Number.isInteger(extent) && extent >= 1) &&
    elementCount(shape) <= MAX_TENSOR_ELEMENTS
  );
}

function malformedSample(shape: Shape): GraphProblem {
  const shown = shape.slice(0, MAX_SAMPLE_AXES + 1);
  return problemOfGraph({
    code: "sample-shape-malformed",
    message:
      `the dataset's samples have the shape ${formatShape(shown)}, and a shape is 1 to ${MAX_SAMPLE_AXES} whole numbers ` +
      `above 0 with at most ${MAX_TENSOR_ELEMENTS} elements`,
    fix: "choose a dataset with samples like [features] or [channels, height, width]",
  });
}

function inputShapes(node: WiredNode, facts: ReadonlyMap<WiredNode, NodeFacts>): readonly Shape[] | undefined {
  const needed = node.definition.inputs.some((pin) => pin.kind === "tensor");
  const wires = tensorWires(node);
  if (needed && wires.length === 0) return undefined;
  const shapes: Shape[] = [];
  for (const wire of wires) {
    const shape = facts.get(wire.from)?.shape;
    if (!shape) return undefined;
    shapes.push(shape);
  }
  return shapes;
}

function applyRule(
  wired: WiredNode,
  given: { readonly inputs: readonly Shape[]; readonly params: Params },
  problems: GraphProblem[],
): Shape | undefined {
  const { node, definition } = wired;
  const result = definition.infer(given.inputs, given.params);
  if (result.kind === "problem") {
    const message = `${nameNode(node)}: ${result.message}`;
    problems.push(problemAt(node, { code: "shape-mismatch", message, fix: result.fix }));
    return undefined;
  }
  const weights = definition.parameters(node.id, given.inputs, given.params).map((spec) => spec.shape);
  const tooLarge = [result.shape, ...weights].find((shape) => elementCount(shape) > MAX_TENSOR_ELEMENTS);
  if (!tooLarge) return result.shape;
  problems.push(
    problemAt(node, {
      code: "tensor-too-large",
      message: `${nameNode(node)} needs a tensor ${formatShape(tooLarge)}, and a tensor has at most ${MAX_TENSOR_ELEMENTS} elements`,
      fix: "make the layer smaller, or shrink its input with a pool or a stride",
    }),
  );
  return undefined;
}
