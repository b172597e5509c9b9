/** What is wrong with a graph: data for a panel, a terminal or a refusal, never thrown. */
import type { GraphNode } from "../model/graph.ts";
import { MAX_NAMES_IN_MESSAGE } from "../limits.ts";

/** Stable names of the problems; append-only. SPEC.md says when each is given. */
export const PROBLEM_CODES = [
  "node-id-malformed",
  "node-id-doubled",
  "layer-unknown",
  "param-unknown",
  "param-wrong-type",
  "param-out-of-range",
  "role-missing",
  "role-doubled",
  "link-end-missing",
  "pin-missing",
  "pin-kind-mismatch",
  "pin-taken",
  "link-doubled",
  "input-missing",
  "cycle",
  "node-unused",
  "weights-untrained",
  "sample-shape-malformed",
  "shape-mismatch",
  "tensor-too-large",
  "output-width-mismatch",
  "loss-mismatch",
  "softmax-before-cross-entropy",
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

export interface GraphProblem {
  /** An error stops training; a warning says that the result will likely disappoint. */
  readonly severity: "error" | "warning";
  readonly code: ProblemCode;
  /** A node of the graph, or null where the problem is that there is none. */
  readonly nodeId: string | null;
  readonly nodeName: string;
  /** What is wrong, with the layer's name and type. */
  readonly message: string;
  /** What to do about it: one imperative sentence. */
  readonly fix: string;
}

/** `"conv 1" (Conv2D)`: how every message names a layer. */
export function nameNode(node: GraphNode): string {
  return `"${node.name}" (${node.type})`;
}

/** Names in a row, cut after a dozen. */
export function nameNodes(nodes: readonly GraphNode[], separator: string): string {
  const shown = nodes.slice(0, MAX_NAMES_IN_MESSAGE).map(nameNode).join(separator);
  const left = nodes.length - MAX_NAMES_IN_MESSAGE;
  return left > 0 ? `${shown}${separator}${left} more` : shown;
}

/** A problem about one node; `severity` is error unless given. */
export function problemAt(
  node: GraphNode,
  problem: {
    readonly code: ProblemCode;
    readonly message: string;
    readonly fix: string;
    readonly severity?: "warning";
  },
): GraphProblem {
  return {
    severity: problem.severity ?? "error",
    code: problem.code,
    nodeId: node.id,
    nodeName: node.name,
    message: problem.message,
    fix: problem.fix,
  };
}

/** A problem of the graph as a whole. */
export function problemOfGraph(problem: {
  readonly code: ProblemCode;
  readonly message: string;
  readonly fix: string;
}): GraphProblem {
  return { severity: "error", nodeId: null, nodeName: "", ...problem };
}
