/**
 * Opens graph files of existing Engine builds (`.cyxgraph`, version 1.0) as graphs of ours.
 *
 * Forgiving where the meaning is clear, and every guess is listed by node. Layers beyond our catalogue are refused, all
 * at once. Code inside a file (Lambda) is never run. Pattern files (with a `template`) are another format.
 * @see SPEC.md IM1 to IM13.
 */
import { MAX_BATCH_SIZE } from "../compile/compile-limits.ts";
import { MAX_SUGGESTED_EPOCHS } from "../limits.ts";
import type { Graph, GraphNode, ParamValue } from "../model/graph.ts";
import type { LayerType } from "../model/layer-type.ts";
import type { Assumption, SuggestedSettings } from "./assumption.ts";
import { readEngineFile } from "./engine-file.ts";
import type { EngineFile, EngineNode } from "./engine-file.ts";
import { decideRoles } from "./engine-roles.ts";
import type { EngineRoles, LayerRole } from "./engine-roles.ts";
import { resolveWires } from "./engine-wires.ts";
import { GraphDraft } from "./graph-draft.ts";
import { readJson } from "./read-json.ts";
import type { JsonAt } from "./read-json.ts";

/** A graph from a file, with what was assumed while reading it. */
export interface ImportedGraph {
  readonly graph: Graph;
  readonly assumptions: readonly Assumption[];
  readonly settings: SuggestedSettings;
}

/**
 * Reads an Engine graph file.
 *
 * The graph may still be wrong, as the drawing was: `checkGraph` says so.
 * @throws AppError `graph/layer-unsupported` with every such layer, `graph/file-malformed`, `graph/file-limit-exceeded`,
 * `graph/file-version-unsupported`.
 */
export function importCyxgraph(text: string): ImportedGraph {
  return readCyxgraphDocument(readJson(text));
}

/** Reads a document whose JSON is parsed already. */
export function readCyxgraphDocument(root: JsonAt): ImportedGraph {
  const assumptions: Assumption[] = [];
  const file = readEngineFile(root, assumptions);
  const decided = decideRoles(file, assumptions);
  const layers = file.nodes.flatMap((node) => {
    const role = decided.roles.get(node.number);
    return role?.kind === "layer" ? [{ node, role }] : [];
  });
  const nodes = layers.map(({ node, role }) => toGraphNode(node, role));
  const activations = new Map<string, LayerType | "unset">();
  for (const { role } of layers) if (role.activation !== "none") activations.set(role.id, role.activation);

  const draft = new GraphDraft(nodes, resolveWires(file, decided.roles, assumptions), assumptions);
  draft.splitActivations(activations);
  draft.insertAdds();
  draft.completeEnds();
  const named = { name: file.name, ...(file.description === undefined ? {} : { description: file.description }) };
  const graph = { ...named, nodes: draft.nodes(), links: draft.links() };
  return { graph, assumptions, settings: suggestSettings(file, decided) };
}

function toGraphNode(node: EngineNode, role: LayerRole): GraphNode {
  const plain = { id: role.id, type: role.type, name: node.name, params: role.params };
  return node.position ? { ...plain, position: node.position } : plain;
}

function suggestSettings(file: EngineFile, { sampleShape }: EngineRoles): SuggestedSettings {
  const stated = (key: string): (ParamValue | undefined)[] => file.nodes.map((node) => node.parameters.get(key));
  const batchSize = firstCount(stated("batch_size"), MAX_BATCH_SIZE);
  const epochs = firstCount([file.epochs, ...stated("epochs")], MAX_SUGGESTED_EPOCHS);
  return {
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(epochs === undefined ? {} : { epochs }),
    ...(sampleShape === undefined ? {} : { sampleShape }),
  };
}

function firstCount(values: readonly (ParamValue | undefined)[], max: number): number | undefined {
  return values
    .filter((value) => value !== undefined && value !== "" && typeof value !== "boolean")
    .map(Number)
    .find((value) => Number.isInteger(value) && value >= 1 && value <= max);
}
