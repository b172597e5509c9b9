/**
 * Opens JSON from strangers: bounded before it is parsed, and read field by field with the path of each value.
 *
 * Every refusal is `graph/file-malformed` or `graph/file-limit-exceeded` with a path like `$.graph.nodes[3].id`.
 * Only own properties are read, so a `__proto__` key is an unknown key like any other.
 */
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { GRAPH_ERRORS } from "../errors.ts";
import { MAX_FILE_DEPTH, MAX_FILE_LENGTH } from "../limits.ts";

/** A value and where it was found. */
export interface JsonAt {
  readonly path: string;
  readonly value: unknown;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a document within the limits on length and depth. */
export function readJson(text: string): JsonAt {
  if (text.length > MAX_FILE_LENGTH) throw limitExceeded("$", "characters", text.length, MAX_FILE_LENGTH);
  const depth = bracketDepth(text);
  if (depth > MAX_FILE_DEPTH) throw limitExceeded("$", "levels of brackets", depth, MAX_FILE_DEPTH);
  try {
    return { path: "$", value: JSON.parse(text) as unknown };
  } catch (cause) {
    const context = {
      path: "$",
      value: `text that is not JSON (${errorMessage(cause).slice(0, 200)})`,
      allowed: "JSON",
    };
    throw new AppError(GRAPH_ERRORS.FILE_MALFORMED, context, { cause });
  }
}

/** How deep brackets nest outside of strings, without building anything: a hostile file costs one pass over its text. */
function bracketDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (inString) {
      if (char === "\\") index++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "[" || char === "{") deepest = Math.max(deepest, ++depth);
    else if (char === "]" || char === "}") depth--;
  }
  return deepest;
}

export function malformed(at: JsonAt, allowed: string): AppError {
  return new AppError(GRAPH_ERRORS.FILE_MALFORMED, { path: at.path, value: showJson(at.value), allowed });
}

export function limitExceeded(path: string, what: string, value: number, limit: number): AppError {
  return new AppError(GRAPH_ERRORS.FILE_LIMIT_EXCEEDED, { path, what, value, limit });
}

/** The value at a key of an object; undefined where there is none. */
export function field(at: JsonAt, key: string): JsonAt {
  const object = asObject(at);
  return { path: `${at.path}.${key}`, value: Object.hasOwn(object, key) ? object[key] : undefined };
}

export function asObject(at: JsonAt): JsonObject {
  if (typeof at.value !== "object" || at.value === null || Array.isArray(at.value)) throw malformed(at, "an object");
  return at.value as JsonObject;
}

/** An object that has no keys but these. */
export function asRecord(at: JsonAt, keys: readonly string[]): JsonObject {
  const object = asObject(at);
  for (const key of Object.keys(object)) {
    if (keys.includes(key)) continue;
    throw malformed({ path: at.path, value: key }, `no other keys than ${keys.join(", ")}`);
  }
  return object;
}

export function asArray(at: JsonAt, limit: number): readonly JsonAt[] {
  if (!Array.isArray(at.value)) throw malformed(at, "a list");
  if (at.value.length > limit) throw limitExceeded(at.path, "entries", at.value.length, limit);
  return at.value.map((value: unknown, index) => ({ path: `${at.path}[${index}]`, value }));
}

export function asText(at: JsonAt, maxLength: number): string {
  if (typeof at.value !== "string") throw malformed(at, "a text");
  if (at.value.length > maxLength) throw limitExceeded(at.path, "characters", at.value.length, maxLength);
  return at.value;
}

/** A finite number; −0 is read as 0, which is how it would be written. */
export function asNumber(at: JsonAt, range: { readonly min: number; readonly max: number }): number {
  const { value } = at;
  if (typeof value === "number" && value >= range.min && value <= range.max) return value === 0 ? 0 : value;
  throw malformed(at, `a number from ${range.min} to ${range.max}`);
}

export function asInteger(at: JsonAt, range: { readonly min: number; readonly max: number }): number {
  const { value } = at;
  if (Number.isInteger(value)) return asNumber(at, range);
  throw malformed(at, `a whole number from ${range.min} to ${range.max}`);
}

/** A value as a message shows it: short, and on one line. */
export function showJson(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return JSON.stringify(value);
}
