/** Whether the model's answer and its loss fit what the dataset's labels are. */
import type { Shape } from "../layer/layer-definition.ts";
import { formatShape, sameShape } from "../layers/shape-rule.ts";
import { tensorWires } from "./analyse-graph.ts";
import type { Analysis } from "./analyse-graph.ts";
import { nameNode, problemAt } from "./graph-problem.ts";
import type { GraphProblem } from "./graph-problem.ts";
import type { WiredNode } from "./wire-graph.ts";

/** Labels are either one of a number of classes, or float targets of one shape. */
export type DatasetTarget =
  | { readonly classes: number; readonly targetShape?: never }
  | { readonly targetShape: Shape; readonly classes?: never };

export function checkTarget(analysis: Analysis, target: DatasetTarget): GraphProblem[] {
  const problems: GraphProblem[] = [];
  for (const loss of analysis.order.filter((wired) => wired.definition.role === "loss")) {
    const wantsClasses = loss.node.type === "CrossEntropyLoss";
    const predictions = tensorWires(loss)[0]?.from;
    if (wantsClasses && predictions) problems.push(...softmaxBefore(predictions));
    const mismatch = lossMismatch(loss, wantsClasses, target);
    if (mismatch) problems.push(mismatch);
    else if (predictions) problems.push(...widthMismatch(analysis, predictions, target));
  }
  return problems;
}

function lossMismatch(loss: WiredNode, wantsClasses: boolean, target: DatasetTarget): GraphProblem | undefined {
  const hasClasses = target.classes !== undefined;
  if (hasClasses === wantsClasses) return undefined;
  return problemAt(loss.node, {
    code: "loss-mismatch",
    message: hasClasses
      ? `${nameNode(loss.node)} compares numbers, and the dataset has class labels (${target.classes} classes)`
      : `${nameNode(loss.node)} compares classes, and the dataset has numeric targets of shape ${formatShape(target.targetShape)}`,
    fix: hasClasses ? "replace it with CrossEntropyLoss" : "replace it with MSELoss",
  });
}

function widthMismatch(analysis: Analysis, predictions: WiredNode, target: DatasetTarget): GraphProblem[] {
  const shape = analysis.facts.get(predictions)?.shape;
  const wanted = target.classes === undefined ? target.targetShape : [target.classes];
  if (!shape || sameShape(shape, wanted)) return [];
  const what = target.classes === undefined ? `targets of shape ${formatShape(wanted)}` : `${target.classes} classes`;
  return [
    problemAt(predictions.node, {
      code: "output-width-mismatch",
      message: `${nameNode(predictions.node)} gives ${formatShape(shape)}, and the dataset has ${what}`,
      fix: fixWidth(analysis, predictions, wanted),
    }),
  ];
}

/** Names what sets the width: the Dense behind the answer, seen through layers that keep the shape, and the Output. */
function fixWidth(analysis: Analysis, predictions: WiredNode, wanted: Shape): string {
  const width = wanted.at(-1) ?? 1;
  const steps: string[] = [];
  let at: WiredNode | undefined = predictions;
  while (at && at.node.type !== "Dense") {
    if (at.definition.role === "output") steps.push(`classes of "${at.node.name}" to ${width}`);
    at = sameShapeSource(analysis, at);
  }
  if (!at) return [`insert a Dense with ${width} units before the Output`, ...steps].join(", and set ");
  return `set ${[`units of "${at.node.name}" to ${width}`, ...steps].join(" and ")}`;
}

/** The only source of a layer, where the layer passes its shape on. */
function sameShapeSource(analysis: Analysis, wired: WiredNode): WiredNode | undefined {
  const [wire, second] = tensorWires(wired);
  if (!wire || second) return undefined;
  const before = analysis.facts.get(wire.from)?.shape;
  const after = analysis.facts.get(wired)?.shape;
  return before && after && sameShape(before, after) ? wire.from : undefined;
}

function softmaxBefore(predictions: WiredNode): GraphProblem[] {
  const last = predictions.definition.role === "output" ? tensorWires(predictions)[0]?.from : predictions;
  if (last?.node.type !== "Softmax") return [];
  return [
    problemAt(last.node, {
      severity: "warning",
      code: "softmax-before-cross-entropy",
      message: `${nameNode(last.node)} stands before CrossEntropyLoss, which takes scores and applies a softmax of its own: learning becomes slow`,
      fix: `delete "${last.node.name}" and connect the layer before it to the Output`,
    }),
  ];
}
