/** Reads the JSON of an Engine graph file into its nodes and links, forgiving what files in the wild get wrong. */
import { AppError } from "@cyxwiz/primitives";
import { GRAPH_ERRORS } from "../errors.ts";
import { MAX_DESCRIPTION_LENGTH, MAX_LINKS, MAX_NAME_LENGTH, MAX_NODES, MAX_PARAMS, MAX_POSITION } from "../limits.ts";
import type { ParamValue } from "../model/graph.ts";
import type { Assumption } from "./assumption.ts";
import { ENGINE_LAYERS } from "./engine-layers.ts";
import { asArray, asInteger, asObject, field, limitExceeded, malformed, showJson } from "./read-json.ts";
import type { JsonAt } from "./read-json.ts";
import { cleanLine } from "./read-text.ts";

export interface EngineNode {
  readonly number: number;
  /** A name of `ENGINE_LAYERS`, or "type 99" for a number beyond it. */
  readonly type: string;
  readonly name: string;
  readonly parameters: ReadonlyMap<string, ParamValue>;
  readonly position: readonly [x: number, y: number] | undefined;
}

interface EngineLinkEnd {
  readonly node: number;
  /** Position of the pin on its node, where the file says it. */
  readonly pinIndex: number | undefined;
  /** A number of the run that wrote the file; only its order on one node means anything. */
  readonly pinId: number;
}

export interface EngineLink {
  readonly from: EngineLinkEnd;
  readonly to: EngineLinkEnd;
}

export interface EngineFile {
  readonly name: string;
  readonly description: string | undefined;
  readonly epochs: ParamValue | undefined;
  readonly nodes: readonly EngineNode[];
  readonly links: readonly EngineLink[];
}

const INTEGER = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
const DEFAULT_NAME = "Imported graph";

/** @throws AppError `graph/file-malformed`, `graph/file-limit-exceeded`, `graph/file-version-unsupported`. */
export function readEngineFile(root: JsonAt, assumptions: Assumption[]): EngineFile {
  checkVersion(field(root, "version"), assumptions);
  const nodes = asArray(field(root, "nodes"), MAX_NODES).map((at) => readNode(at, assumptions));
  const seen = new Set<number>();
  for (const [index, { number }] of nodes.entries()) {
    const at = { path: `${root.path}.nodes[${index}].id`, value: number };
    if (seen.has(number)) throw malformed(at, "an id that no node before it has");
    seen.add(number);
  }
  const name = field(root, "name").value;
  const description = field(root, "description").value;
  return {
    name: (typeof name === "string" && cleanLine(name, MAX_NAME_LENGTH)) || DEFAULT_NAME,
    description: typeof description === "string" ? cleanLine(description, MAX_DESCRIPTION_LENGTH) : undefined,
    epochs: plainValue(field(root, "epochs")),
    nodes,
    links: asArray(field(root, "links"), MAX_LINKS).map(readLink),
  };
}

function checkVersion(at: JsonAt, assumptions: Assumption[]): void {
  if (at.value === undefined || at.value === null) {
    const message = "the file does not say its version: read as 1.0";
    assumptions.push({ code: "version-missing", nodeName: "", nodeId: null, message });
    return;
  }
  const isText = typeof at.value === "string" || typeof at.value === "number";
  if (isText && /^1(\.\d+)*$/.test(String(at.value))) return;
  const context = { version: showJson(at.value), readable: [1] };
  throw new AppError(GRAPH_ERRORS.FILE_VERSION_UNSUPPORTED, context);
}

function readNode(at: JsonAt, assumptions: Assumption[]): EngineNode {
  const number = asInteger(field(at, "id"), INTEGER);
  const type = readType(field(at, "type"));
  const given = field(at, "name").value;
  const name = (typeof given === "string" && cleanLine(given, MAX_NAME_LENGTH)) || `${type} ${number}`;
  if (name !== given) {
    const message =
      given === undefined
        ? `it has no name: called "${name}"`
        : `its name cannot be shown on one line: called "${name}"`;
    assumptions.push({ code: "name-changed", nodeName: name, nodeId: null, message });
  }
  return { number, type, name, parameters: readParameters(field(at, "parameters")), position: readPosition(at) };
}

function readType(at: JsonAt): string {
  if (typeof at.value === "string" && ENGINE_LAYERS.includes(at.value)) return at.value;
  const number = asInteger(at, INTEGER);
  return ENGINE_LAYERS[number] ?? `type ${number}`;
}

function readParameters(at: JsonAt): ReadonlyMap<string, ParamValue> {
  if (at.value === undefined || at.value === null) return new Map();
  const keys = Object.keys(asObject(at));
  if (keys.length > MAX_PARAMS) throw limitExceeded(at.path, "parameters", keys.length, MAX_PARAMS);
  const read = new Map<string, ParamValue>();
  for (const key of keys) {
    const value = plainValue(field(at, key));
    if (value !== undefined) read.set(key, value);
  }
  return read;
}

function plainValue({ value }: JsonAt): ParamValue | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  return typeof value === "string" || typeof value === "boolean" ? value : undefined;
}

function readPosition(at: JsonAt): readonly [x: number, y: number] | undefined {
  const x = field(at, "pos_x").value;
  const y = field(at, "pos_y").value;
  if (typeof x !== "number" || typeof y !== "number") return undefined;
  return Math.max(Math.abs(x), Math.abs(y)) <= MAX_POSITION ? [x, y] : undefined;
}

function readLink(at: JsonAt): EngineLink {
  return { from: readLinkEnd(at, "from"), to: readLinkEnd(at, "to") };
}

function readLinkEnd(at: JsonAt, side: "from" | "to"): EngineLinkEnd {
  const pinIndex = field(at, `${side}_pin_index`).value;
  const pinId = field(at, `${side}_pin`).value;
  return {
    node: asInteger(field(at, `${side}_node`), INTEGER),
    pinIndex: typeof pinIndex === "number" && Number.isInteger(pinIndex) && pinIndex >= 0 ? pinIndex : undefined,
    pinId: typeof pinId === "number" ? pinId : 0,
  };
}
