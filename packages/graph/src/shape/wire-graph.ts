/**
 * Turns the links of a drawing, which name nodes by text, into wires between nodes of the catalogue.
 *
 * A link that cannot be a wire (no such node, no such pin, pins of different kinds, pin already taken) is left out and
 * named in a problem, so that later steps see only wires that hold. Linear in nodes and links.
 */
import type { LayerDefinition, PinDefinition } from "../layer/layer-definition.ts";
import { CATALOGUE } from "../layers/catalogue.ts";
import type { Graph, GraphLink, GraphNode } from "../model/graph.ts";
import { LAYER_TYPES } from "../model/layer-type.ts";
import { isNodeId } from "../model/node-id.ts";
import { nameNode, problemAt, problemOfGraph } from "./graph-problem.ts";
import type { GraphProblem, ProblemCode } from "./graph-problem.ts";

export interface Wire {
  readonly from: WiredNode;
  readonly fromPin: number;
  readonly to: WiredNode;
  readonly toPin: number;
}

export interface WiredNode {
  readonly node: GraphNode;
  readonly definition: LayerDefinition;
  /** Wires that end here, by pin; wires of a pin that takes many stay in the order of the file. */
  readonly incoming: readonly Wire[];
  readonly outgoing: readonly Wire[];
}

export interface WiredGraph {
  /** Nodes of known type and unique id, in the order of the file. */
  readonly nodes: readonly WiredNode[];
  readonly problems: readonly GraphProblem[];
}

/** A node while its wires are being collected. */
interface OpenNode extends WiredNode {
  readonly incoming: Wire[];
  readonly outgoing: Wire[];
  /** Pins that some link names, also a refused one: they are not reported as left open as well. */
  readonly inputsNamed: Set<number>;
  outputNamed: boolean;
}

/** Checks every node and link by itself, and collects the wires. Pure. */
export function wireGraph(graph: Graph): WiredGraph {
  const problems: GraphProblem[] = [];
  const nodes = openNodes(graph, problems);
  connect(graph, nodes, problems);
  for (const open of nodes.values()) {
    open.incoming.sort((a, b) => a.toPin - b.toPin);
    problems.push(...openEnds(open));
  }
  return { nodes: [...nodes.values()], problems };
}

function openNodes(graph: Graph, problems: GraphProblem[]): Map<string, OpenNode> {
  const nodes = new Map<string, OpenNode>();
  for (const node of graph.nodes) {
    if (!isNodeId(node.id)) {
      problems.push(
        problemAt(node, {
          code: "node-id-malformed",
          message: `${nameNode(node)} has the id "${node.id.slice(0, 80)}", and an id is 1 to 64 letters, digits, - or _`,
          fix: "delete the layer and add it again: it then gets a fresh id",
        }),
      );
    } else if (nodes.has(node.id)) {
      problems.push(
        problemAt(node, {
          code: "node-id-doubled",
          message: `${nameNode(node)} has the id "${node.id}", which another layer has already`,
          fix: "delete one of the two and add it again: it then gets a fresh id",
        }),
      );
    } else if (!Object.hasOwn(CATALOGUE, node.type)) {
      problems.push(
        problemAt(node, {
          code: "layer-unknown",
          message: `${nameNode(node)} is of a type that this build does not know`,
          fix: `replace it with one of ${LAYER_TYPES.join(", ")}`,
        }),
      );
    } else {
      nodes.set(node.id, {
        node,
        definition: CATALOGUE[node.type],
        incoming: [],
        outgoing: [],
        inputsNamed: new Set(),
        outputNamed: false,
      });
    }
  }
  return nodes;
}

interface Refusal {
  readonly code: ProblemCode;
  readonly message: string;
  readonly fix: string;
}

function connect(graph: Graph, nodes: ReadonlyMap<string, OpenNode>, problems: GraphProblem[]): void {
  const known = new Set(graph.nodes.map((node) => node.id));
  const seen = new Set<string>();
  for (const link of graph.links) {
    const from = nodes.get(link.from.node);
    const to = nodes.get(link.to.node);
    if (from) from.outputNamed = true;
    to?.inputsNamed.add(link.to.pin);
    if (!from || !to) {
      // An end of unknown type is already reported once; only an end that is nowhere is news.
      if (known.has(link.from.node) && known.has(link.to.node)) continue;
      problems.push(brokenLink(link, from ?? to));
      continue;
    }
    const key = `${link.from.node} ${link.from.pin} ${link.to.node} ${link.to.pin}`;
    const refusal = refuseWire(link, from, to, seen.has(key));
    seen.add(key);
    if (refusal) {
      problems.push(problemAt(to.node, refusal));
      continue;
    }
    const wire = { from, fromPin: link.from.pin, to, toPin: link.to.pin };
    from.outgoing.push(wire);
    to.incoming.push(wire);
  }
}

function brokenLink(link: GraphLink, end: OpenNode | undefined): GraphProblem {
  const refusal = {
    code: "link-end-missing",
    message: `a wire from "${link.from.node.slice(0, 80)}" to "${link.to.node.slice(0, 80)}" has an end that is not in the graph`,
    fix: "delete the wire and draw it again",
  } as const;
  return end ? problemAt(end.node, refusal) : problemOfGraph(refusal);
}

function refuseWire(link: GraphLink, from: OpenNode, to: OpenNode, doubled: boolean): Refusal | undefined {
  const output = from.definition.outputs[link.from.pin];
  const input = to.definition.inputs[link.to.pin];
  if (!output) return missingPin(from, "output", link.from.pin);
  if (!input) return missingPin(to, "input", link.to.pin);
  if (output.kind !== input.kind) {
    return {
      code: "pin-kind-mismatch",
      message: `${nameNode(to.node)} takes ${describePin(input)}, and ${nameNode(from.node)} gives ${describePin(output)}`,
      fix: fixForKind(input, to),
    };
  }
  if (doubled) {
    return {
      code: "link-doubled",
      message: `${nameNode(from.node)} and ${nameNode(to.node)} are connected twice by the same pins`,
      fix: "delete one of the two wires",
    };
  }
  const taken = to.incoming.find((wire) => wire.toPin === link.to.pin);
  if (!taken || input.many) return undefined;
  return {
    code: "pin-taken",
    message: `${input.name} of ${nameNode(to.node)} takes one wire, and got one from ${nameNode(taken.from.node)} and one from ${nameNode(from.node)}`,
    fix:
      input.kind === "tensor"
        ? "put an Add or a Concatenate before it and connect both wires there"
        : "delete one of the two wires",
  };
}

function missingPin(open: OpenNode, side: "input" | "output", pin: number): Refusal {
  const count = (side === "input" ? open.definition.inputs : open.definition.outputs).length;
  const has = count === 0 ? `no ${side}s` : `${side}s 0 to ${count - 1}`;
  return {
    code: "pin-missing",
    message: `a wire names ${side} ${pin} of ${nameNode(open.node)}, which has ${has}`,
    fix: "delete the wire and draw it again",
  };
}

function describePin(pin: PinDefinition): string {
  return `${pin.kind} on ${pin.name}`;
}

function fixForKind(input: PinDefinition, to: OpenNode): string {
  switch (input.kind) {
    case "labels":
      return `connect Labels of the DatasetInput to ${input.name} of "${to.node.name}"`;
    case "loss":
      return `connect Loss of the loss layer to "${to.node.name}"`;
    case "tensor":
    case "optimizer":
      return `connect the output of a layer to ${input.name} of "${to.node.name}"`;
  }
}

/** Inputs that no wire reaches, and layers whose output goes nowhere. */
function openEnds(open: OpenNode): GraphProblem[] {
  const problems: GraphProblem[] = [];
  for (const [pin, input] of open.definition.inputs.entries()) {
    if (open.inputsNamed.has(pin)) continue;
    problems.push(
      problemAt(open.node, {
        code: "input-missing",
        message: `${input.name} of ${nameNode(open.node)} is not connected`,
        fix: fixForKind(input, open),
      }),
    );
  }
  const isTerminal = open.definition.role !== "layer" && open.definition.role !== "data";
  if (!isTerminal && !open.outputNamed) {
    problems.push(
      problemAt(open.node, {
        code: "node-unused",
        message: `the output of ${nameNode(open.node)} goes nowhere, so nothing would learn from it`,
        fix: `connect "${open.node.name}" to the next layer, or delete it`,
      }),
    );
  }
  return problems;
}
