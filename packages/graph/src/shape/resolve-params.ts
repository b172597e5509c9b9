/** Checks a node's parameters against the table of its type and fills in what is not set. */
import type { LayerDefinition, ParamDefinition, Params } from "../layer/layer-definition.ts";
import type { GraphNode, ParamValue } from "../model/graph.ts";
import { nameNode, problemAt } from "./graph-problem.ts";
import type { GraphProblem } from "./graph-problem.ts";

export interface ResolvedParams {
  /** Every parameter of the table; undefined when one is wrong, because a guess would cause false problems behind it. */
  readonly params: Params | undefined;
  readonly problems: readonly GraphProblem[];
}

/** The node's parameters, checked, with the catalogue's defaults. Pure. */
export function resolveParams(node: GraphNode, definition: LayerDefinition): ResolvedParams {
  const problems: GraphProblem[] = [];
  for (const [key, value] of Object.entries(node.params)) {
    const problem = Object.hasOwn(definition.params, key)
      ? checkValue(node, key, value, definition.params[key])
      : unknownParam(node, key, definition);
    if (problem) problems.push(problem);
  }
  if (problems.length > 0) return { params: undefined, problems };
  const defaults = Object.entries(definition.params).map(([key, entry]) => [key, entry.default] as const);
  return { params: { ...Object.fromEntries(defaults), ...node.params }, problems };
}

/** What a parameter may hold, as messages say it: "a whole number from 1 to 31". */
export function describeAllowed(entry: ParamDefinition): string {
  switch (entry.kind) {
    case "integer":
      return `a whole number from ${entry.min} to ${entry.max}`;
    case "number":
      return `a number from ${entry.min} to ${entry.max}`;
    case "boolean":
      return "true or false";
    case "choice":
      return `one of ${entry.choices.join(", ")}`;
    case "choice-or-integer":
      return `one of ${entry.choices.join(", ")}, or a whole number from ${entry.min} to ${entry.max}`;
    case "text":
      return `a text of at most ${entry.maxLength} characters`;
  }
}

type Verdict = "fits" | "wrong-type" | "out-of-range";

/** Whether a value fits a parameter, and if not, in which way. */
export function judgeValue(value: ParamValue, entry: ParamDefinition): Verdict {
  switch (entry.kind) {
    case "integer":
      if (typeof value !== "number" || !Number.isInteger(value)) return "wrong-type";
      return value >= entry.min && value <= entry.max ? "fits" : "out-of-range";
    case "number":
      if (typeof value !== "number" || !Number.isFinite(value)) return "wrong-type";
      return value >= entry.min && value <= entry.max ? "fits" : "out-of-range";
    case "boolean":
      return typeof value === "boolean" ? "fits" : "wrong-type";
    case "choice":
      if (typeof value !== "string") return "wrong-type";
      return entry.choices.includes(value) ? "fits" : "out-of-range";
    case "choice-or-integer":
      if (typeof value === "string") return entry.choices.includes(value) ? "fits" : "out-of-range";
      if (typeof value !== "number" || !Number.isInteger(value)) return "wrong-type";
      return value >= entry.min && value <= entry.max ? "fits" : "out-of-range";
    case "text":
      if (typeof value !== "string") return "wrong-type";
      return value.length <= entry.maxLength ? "fits" : "out-of-range";
  }
}

function checkValue(
  node: GraphNode,
  key: string,
  value: ParamValue,
  entry: ParamDefinition | undefined,
): GraphProblem | undefined {
  if (!entry) return undefined;
  const verdict = judgeValue(value, entry);
  if (verdict === "fits") return undefined;
  return problemAt(node, {
    code: verdict === "wrong-type" ? "param-wrong-type" : "param-out-of-range",
    message: `${key} of ${nameNode(node)} is ${showValue(value)}, and has to be ${describeAllowed(entry)}`,
    fix: `set ${key} of "${node.name}" to ${describeAllowed(entry)}; usual is ${showValue(entry.default)}`,
  });
}

function unknownParam(node: GraphNode, key: string, definition: LayerDefinition): GraphProblem {
  const known = Object.keys(definition.params);
  const meant = known.find((name) => definition.params[name]?.aliases?.includes(key));
  return problemAt(node, {
    code: "param-unknown",
    message: `${nameNode(node)} has no parameter ${JSON.stringify(key.slice(0, 80))}; it has ${known.length > 0 ? known.join(", ") : "none"}`,
    fix: meant ? `name it ${meant}` : "remove it",
  });
}

function showValue(value: ParamValue): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : String(value);
}
