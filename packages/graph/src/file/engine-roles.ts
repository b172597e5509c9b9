/** Decides what each node of an Engine file becomes: a layer, a node to look through, or a refusal. */
import { AppError } from "@cyxwiz/primitives";
import { GRAPH_ERRORS } from "../errors.ts";
import { CATALOGUE } from "../layers/catalogue.ts";
import type { ParamValue } from "../model/graph.ts";
import { isLayerType, LAYER_TYPES } from "../model/layer-type.ts";
import type { LayerType } from "../model/layer-type.ts";
import type { Assumption, AssumptionCode } from "./assumption.ts";
import type { EngineFile, EngineLink, EngineNode } from "./engine-file.ts";
import { DATA_NODES, RESHAPES } from "./engine-layers.ts";
import { readEngineParams } from "./engine-params.ts";
import { showJson } from "./read-json.ts";

/** Activation words of Engine files; an empty layer type means none. */
const ACTIVATIONS: Readonly<Record<string, LayerType | "">> = {
  "": "",
  none: "",
  linear: "",
  identity: "",
  relu: "ReLU",
  gelu: "GELU",
  tanh: "Tanh",
  sigmoid: "Sigmoid",
  softmax: "Softmax",
};

export interface LayerRole {
  readonly kind: "layer";
  readonly type: LayerType;
  readonly id: string;
  readonly params: Readonly<Record<string, ParamValue>>;
  /** What the file applies to the layer's result; "unset" where it does not say and the Engine's own default holds. */
  readonly activation: LayerType | "none" | "unset";
}

export type EngineRole = LayerRole | { readonly kind: "look-through" };

export interface EngineRoles {
  readonly roles: ReadonlyMap<number, EngineRole>;
  /** Channels first, where a Reshape on the data says what a sample is. */
  readonly sampleShape: readonly number[] | undefined;
}

/** @throws AppError `graph/layer-unsupported`, which names every such node at once. */
export function decideRoles(file: EngineFile, assumptions: Assumption[]): EngineRoles {
  const sourceOf = new Map<number, number>();
  for (const link of file.links) if (!sourceOf.has(link.to.node)) sourceOf.set(link.to.node, link.from.node);
  const byNumber = new Map(file.nodes.map((node) => [node.number, node]));
  const standIn = datasetStandIn(file);
  const roles = new Map<number, EngineRole>();
  const unsupported: string[] = [];
  let sampleShape: readonly number[] | undefined;

  for (const node of file.nodes) {
    const say = (code: AssumptionCode, message: string): number =>
      assumptions.push({ code, nodeName: node.name, nodeId: null, message });
    if (node === standIn) {
      say("data-node-left-out", `${node.type}: the file has no DatasetInput, so one takes its place`);
      roles.set(node.number, plainLayer(node, "DatasetInput"));
    } else if (Object.hasOwn(DATA_NODES, node.type)) {
      say("data-node-left-out", `${node.type} left out: ${DATA_NODES[node.type]}`);
      roles.set(node.number, { kind: "look-through" });
    } else if (RESHAPES.has(node.type)) {
      const reshape = readReshape(node, isOnData(node.number, { sourceOf, byNumber }));
      if (reshape.kind === "unsupported") {
        unsupported.push(`"${node.name}" (${node.type})`);
        continue;
      }
      say("layout-changed", reshape.message);
      roles.set(node.number, reshape.kind === "flatten" ? plainLayer(node, "Flatten") : { kind: "look-through" });
      if (reshape.kind === "layout") sampleShape ??= reshape.sampleShape;
    } else if (isLayerType(node.type)) {
      const { role, refusals } = readLayer(node, node.type, assumptions);
      roles.set(node.number, role);
      if (refusals.length > 0) unsupported.push(`"${node.name}" (${node.type} with ${refusals.join(", ")})`);
    } else unsupported.push(`"${node.name}" (${node.type})`);
  }
  if (unsupported.length > 0) {
    throw new AppError(GRAPH_ERRORS.LAYER_UNSUPPORTED, { layers: unsupported, readable: LAYER_TYPES });
  }
  return { roles, sampleShape };
}

function layerId(node: EngineNode, type: LayerType): string {
  return `${type.toLowerCase()}-${node.number}`;
}

function plainLayer(node: EngineNode, type: LayerType): LayerRole {
  return { kind: "layer", type, id: layerId(node, type), params: {}, activation: "none" };
}

/** The loader or split that stands where a DatasetInput is missing: the first of them that nothing feeds. */
function datasetStandIn(file: EngineFile): EngineNode | undefined {
  if (file.nodes.some((node) => node.type === "DatasetInput")) return undefined;
  const fed = new Set(file.links.map((link: EngineLink) => link.to.node));
  return file.nodes.find((node) => ["DataLoader", "DataSplit"].includes(node.type) && !fed.has(node.number));
}

function readLayer(
  node: EngineNode,
  type: LayerType,
  assumptions: Assumption[],
): { readonly role: LayerRole; readonly refusals: readonly string[] } {
  const id = layerId(node, type);
  const { params, notes, unsupported } = readEngineParams(node, CATALOGUE[type]);
  for (const note of notes) assumptions.push({ ...note, nodeName: node.name, nodeId: id });
  if (type === "DatasetInput" && params["dataset_name"] === undefined) {
    const message = "the file names no dataset: choose one when training";
    assumptions.push({ code: "dataset-unnamed", nodeName: node.name, nodeId: id, message });
  }
  const word = node.parameters.get("activation");
  // Only layers with weights apply one of their own, and only a convolution does so unless it is told not to.
  if (word === undefined || (type !== "Conv2D" && type !== "Dense")) {
    const activation = type === "Conv2D" ? "unset" : "none";
    return { role: { kind: "layer", type, id, params, activation }, refusals: unsupported };
  }
  const key = String(word).trim().toLowerCase();
  const known = Object.hasOwn(ACTIVATIONS, key) ? ACTIVATIONS[key] : undefined;
  const refusals = known === undefined ? [...unsupported, `activation ${showJson(word)}`] : unsupported;
  return { role: { kind: "layer", type, id, params, activation: known || "none" }, refusals };
}

interface Neighbours {
  readonly sourceOf: ReadonlyMap<number, number>;
  readonly byNumber: ReadonlyMap<number, EngineNode>;
}

/** Whether only data nodes stand between a node and the dataset. */
function isOnData(number: number, { sourceOf, byNumber }: Neighbours): boolean {
  const seen = new Set<number>();
  let at = sourceOf.get(number);
  while (at !== undefined && !seen.has(at)) {
    seen.add(at);
    const type = byNumber.get(at)?.type ?? "";
    if (type === "DatasetInput") return true;
    if (!Object.hasOwn(DATA_NODES, type)) return false;
    at = sourceOf.get(at);
  }
  // A loader that nothing feeds stands for the dataset.
  return at === undefined && seen.size > 0;
}

type Reshape =
  | { readonly kind: "unsupported" }
  | { readonly kind: "flatten"; readonly message: string }
  | { readonly kind: "layout"; readonly message: string; readonly sampleShape: readonly number[] };

/** "-1,784" is a Flatten; "-1,28,28,1" on the data tells how a sample lies in memory. */
function readReshape(node: EngineNode, onData: boolean): Reshape {
  const text = String(node.parameters.get("shape") ?? "");
  const extents = text
    .replaceAll(/[()[\]\s]/g, "")
    .split(",")
    .map(Number);
  const [batch, a = 0, b = 0, c = 0] = extents;
  if (batch !== -1 || extents.some((extent) => !Number.isInteger(extent))) return { kind: "unsupported" };
  if (extents.length === 2) return { kind: "flatten", message: `${node.type} to ${text} read as Flatten` };
  if (!onData || extents.length !== 4 || Math.min(a, b, c) < 1) return { kind: "unsupported" };
  const isChannelsLast = c <= 4 && a > 4;
  const sampleShape = isChannelsLast ? [c, a, b] : [a, b, c];
  const layout = isChannelsLast ? "channels last" : "channels first";
  const message = `${node.type} to ${text} (${layout}) left out: samples are [${sampleShape.join(", ")}] here, channels first`;
  return { kind: "layout", message, sampleShape };
}
