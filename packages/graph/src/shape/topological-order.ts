/**
 * The order in which layers run, and the circles that keep them from having one.
 *
 * Kahn's algorithm (1962) with a queue that starts in the order of the file, so one graph always gives one order.
 * Linear in nodes and wires.
 */
import { defined } from "@cyxwiz/primitives";
import { nameNode, nameNodes, problemAt } from "./graph-problem.ts";
import type { GraphProblem } from "./graph-problem.ts";
import type { WiredNode } from "./wire-graph.ts";

export interface TopologicalOrder {
  /** Every node after all that feed it. Nodes on a cycle or behind one are left out. */
  readonly order: readonly WiredNode[];
  readonly problems: readonly GraphProblem[];
}

export function topologicalOrder(nodes: readonly WiredNode[]): TopologicalOrder {
  const waiting = new Map<WiredNode, number>(nodes.map((node) => [node, node.incoming.length]));
  const order = nodes.filter((node) => node.incoming.length === 0);
  // `order` grows while it is read: it is the queue as well as the result.
  for (let index = 0; index < order.length; index++) {
    for (const wire of defined(order[index], "the next node in the queue").outgoing) {
      const left = defined(waiting.get(wire.to), "the count of a wired node") - 1;
      waiting.set(wire.to, left);
      if (left === 0) order.push(wire.to);
    }
  }
  const done = new Set(order);
  const stuck = nodes.filter((node) => !done.has(node));
  return { order, problems: findCycles(stuck, done).map(cycleProblem) };
}

/**
 * One cycle for every group of stuck nodes.
 *
 * A stuck node has at least one stuck source. Going from source to source therefore ends on a node seen before: on this
 * walk, it closes a cycle; on an earlier one, that walk has reported it. Each node is walked over once.
 */
function findCycles(stuck: readonly WiredNode[], done: ReadonlySet<WiredNode>): WiredNode[][] {
  const walkOf = new Map<WiredNode, number>();
  const cycles: WiredNode[][] = [];
  for (const [walk, start] of stuck.entries()) {
    const path: WiredNode[] = [];
    let at = start;
    while (!walkOf.has(at)) {
      walkOf.set(at, walk);
      path.push(at);
      const stuckWire = at.incoming.find((wire) => !done.has(wire.from));
      at = defined(stuckWire, "a stuck source of a stuck node").from;
    }
    if (walkOf.get(at) !== walk) continue;
    // The walk went against the wires; the message starts at the same layer and follows them.
    cycles.push([at, ...path.slice(path.indexOf(at) + 1).toReversed()]);
  }
  return cycles;
}

function cycleProblem(cycle: readonly WiredNode[]): GraphProblem {
  const first = defined(cycle[0], "the first node of a cycle").node;
  const last = defined(cycle.at(-1), "the last node of a cycle").node;
  const names = nameNodes(
    cycle.map((wired) => wired.node),
    " → ",
  );
  return problemAt(first, {
    code: "cycle",
    message: `the wires run in a circle: ${names} → ${nameNode(first)}`,
    fix: `delete one wire of the circle, for instance the one from "${last.name}" to "${first.name}"`,
  });
}
