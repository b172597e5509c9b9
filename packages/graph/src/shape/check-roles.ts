/** A graph that can be trained has exactly one DatasetInput, one Output, one loss and one optimizer. */
import type { LayerDefinition } from "../layer/layer-definition.ts";
import { CATALOGUE } from "../layers/catalogue.ts";
import { nameNode, nameNodes, problemAt, problemOfGraph } from "./graph-problem.ts";
import type { GraphProblem } from "./graph-problem.ts";
import type { WiredNode } from "./wire-graph.ts";

type SoleRole = Exclude<LayerDefinition["role"], "layer">;

const ROLES: readonly { readonly role: SoleRole; readonly noun: string; readonly place: string }[] = [
  { role: "data", noun: "DatasetInput", place: "connect its Data to the first layer and its Labels to the loss" },
  { role: "output", noun: "Output", place: "put it between the last layer and the loss" },
  { role: "loss", noun: "loss", place: "connect Predictions of the Output and Labels of the DatasetInput to it" },
  { role: "optimizer", noun: "optimizer", place: "connect Loss of the loss layer to it" },
];

export function checkRoles(nodes: readonly WiredNode[]): GraphProblem[] {
  return ROLES.flatMap(({ role, noun, place }) => {
    const holders = nodes.filter((wired) => wired.definition.role === role).map((wired) => wired.node);
    const [first, ...others] = holders;
    if (!first) {
      return problemOfGraph({
        code: "role-missing",
        message: `the graph has no ${noun}`,
        fix: `add ${addOneOf(role, noun)} and ${place}`,
      });
    }
    return others.map((node) =>
      problemAt(node, {
        code: "role-doubled",
        message: `the graph has more than one ${noun}: ${nameNodes(holders, ", ")}`,
        fix: `keep ${nameNode(first)} or this one, and delete the other`,
      }),
    );
  });
}

function addOneOf(role: SoleRole, noun: string): string {
  const types = Object.values(CATALOGUE)
    .filter((definition) => definition.role === role)
    .map((definition) => definition.type);
  return types.length === 1 ? `one ${noun}` : `one ${noun} (${types.join(" or ")})`;
}
