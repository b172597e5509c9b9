/**
 * Our own graph file, `.cyxwiz` version 1: `{ "format": "cyxwiz", "version": 1, "graph": { … } }`.
 *
 * Strict: unknown keys, doubled ids and links to nowhere are refused, so that two readers never see two graphs in one
 * file. Written in one canonical form, so that equal graphs are equal bytes. Whether the graph could be trained is not
 * asked here: a drawing is saved while it is wrong.
 * @see SPEC.md GR1 to GR10.
 */
import { AppError } from "@cyxwiz/primitives";
import { GRAPH_ERRORS } from "../errors.ts";
import {
  MAX_DESCRIPTION_LENGTH,
  MAX_FILE_LENGTH,
  MAX_LINKS,
  MAX_NAME_LENGTH,
  MAX_NODES,
  MAX_PARAM_TEXT_LENGTH,
  MAX_PARAMS,
  MAX_PIN,
  MAX_POSITION,
} from "../limits.ts";
import type { Graph, GraphLink, GraphNode, ParamValue } from "../model/graph.ts";
import { isLayerType, LAYER_TYPES } from "../model/layer-type.ts";
import { isNodeId } from "../model/node-id.ts";
import {
  asArray,
  asInteger,
  asNumber,
  asObject,
  asRecord,
  field,
  limitExceeded,
  malformed,
  readJson,
  showJson,
} from "./read-json.ts";
import type { JsonAt } from "./read-json.ts";
import { asLine, asLines } from "./read-text.ts";

export const CYXWIZ_FORMAT = "cyxwiz";
export const CYXWIZ_VERSION = 1;

const PARAM_KEY = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const POSITION = { min: -MAX_POSITION, max: MAX_POSITION };
const PIN = { min: 0, max: MAX_PIN };
const FINITE = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };

/**
 * Reads a `.cyxwiz` file.
 *
 * @throws AppError `graph/file-malformed`, `graph/file-limit-exceeded` with the JSON path, `graph/file-version-unsupported`.
 */
export function parseCyxwiz(text: string): Graph {
  return readCyxwizDocument(readJson(text));
}

/** Reads a document whose JSON is parsed already. */
export function readCyxwizDocument(root: JsonAt): Graph {
  const format = field(root, "format");
  if (format.value !== CYXWIZ_FORMAT) throw malformed(format, `"${CYXWIZ_FORMAT}"`);
  const version = field(root, "version");
  if (version.value !== CYXWIZ_VERSION) {
    if (!Number.isSafeInteger(version.value)) throw malformed(version, `the number ${CYXWIZ_VERSION}`);
    const context = { version: showJson(version.value), readable: [CYXWIZ_VERSION] };
    throw new AppError(GRAPH_ERRORS.FILE_VERSION_UNSUPPORTED, context);
  }
  asRecord(root, ["format", "version", "graph"]);
  return readGraph(field(root, "graph"));
}

/**
 * The canonical text of a graph: fixed key order, parameters by name, two spaces, a line break at the end.
 *
 * Nodes and links keep their order, which says in which order wires enter a Concatenate.
 * @throws AppError `graph/file-malformed`, `graph/file-limit-exceeded` for a graph that no file may hold (NaN, doubled ids, too long).
 */
export function writeCyxwiz(graph: Graph): string {
  const document = {
    format: CYXWIZ_FORMAT,
    version: CYXWIZ_VERSION,
    graph: readGraph({ path: "$.graph", value: graph }),
  };
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (text.length > MAX_FILE_LENGTH) throw limitExceeded("$", "characters", text.length, MAX_FILE_LENGTH);
  return text;
}

function readGraph(at: JsonAt): Graph {
  asRecord(at, ["name", "description", "nodes", "links"]);
  const name = asLine(field(at, "name"), MAX_NAME_LENGTH);
  const description = field(at, "description");
  const nodes = asArray(field(at, "nodes"), MAX_NODES).map(readNode);
  const ids = uniqueIds(nodes, `${at.path}.nodes`);
  const links = asArray(field(at, "links"), MAX_LINKS).map((link) => readLink(link, ids));
  if (description.value === undefined) return { name, nodes, links };
  return { name, description: asLines(description, MAX_DESCRIPTION_LENGTH), nodes, links };
}

function uniqueIds(nodes: readonly GraphNode[], path: string): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const [index, { id }] of nodes.entries()) {
    if (ids.has(id)) throw malformed({ path: `${path}[${index}].id`, value: id }, "an id that no node before it has");
    ids.add(id);
  }
  return ids;
}

function readNode(at: JsonAt): GraphNode {
  asRecord(at, ["id", "type", "name", "params", "position"]);
  const id = field(at, "id");
  if (typeof id.value !== "string" || !isNodeId(id.value)) throw malformed(id, "1 to 64 letters, digits, - or _");
  const type = field(at, "type");
  if (!isLayerType(type.value)) throw malformed(type, `one of ${LAYER_TYPES.join(", ")}`);
  const node = {
    id: id.value,
    type: type.value,
    name: asLine(field(at, "name"), MAX_NAME_LENGTH),
    params: readParams(field(at, "params")),
  };
  const position = field(at, "position");
  return position.value === undefined ? node : { ...node, position: readPosition(position) };
}

function readParams(at: JsonAt): Readonly<Record<string, ParamValue>> {
  const keys = Object.keys(asObject(at)).toSorted();
  if (keys.length > MAX_PARAMS) throw limitExceeded(at.path, "parameters", keys.length, MAX_PARAMS);
  const entries = keys.map((key) => {
    if (!PARAM_KEY.test(key)) {
      throw malformed({ path: at.path, value: key }, "names of a letter, then up to 63 letters, digits or _");
    }
    return [key, readParam(field(at, key))] as const;
  });
  return Object.fromEntries(entries);
}

function readParam(at: JsonAt): ParamValue {
  switch (typeof at.value) {
    case "boolean":
      return at.value;
    case "number":
      return asNumber(at, FINITE);
    case "string":
      return at.value.length === 0 ? "" : asLine(at, MAX_PARAM_TEXT_LENGTH);
    default:
      throw malformed(at, "a number, a text, true or false");
  }
}

function readPosition(at: JsonAt): readonly [x: number, y: number] {
  const [x, y] = asArray(at, 2);
  if (!x || !y) throw malformed(at, "two numbers, [x, y]");
  return [asNumber(x, POSITION), asNumber(y, POSITION)];
}

function readLink(at: JsonAt, ids: ReadonlySet<string>): GraphLink {
  asRecord(at, ["from", "to"]);
  return { from: readLinkEnd(field(at, "from"), ids), to: readLinkEnd(field(at, "to"), ids) };
}

function readLinkEnd(at: JsonAt, ids: ReadonlySet<string>): GraphLink["from"] {
  asRecord(at, ["node", "pin"]);
  const node = field(at, "node");
  if (typeof node.value !== "string" || !ids.has(node.value)) throw malformed(node, "the id of a node of this file");
  return { node: node.value, pin: asInteger(field(at, "pin"), PIN) };
}
