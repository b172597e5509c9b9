/**
 * One text for one JSON value, so that it can be hashed and signed: RFC 8785, the JSON Canonicalization Scheme.
 *
 * No white space; members sorted by the UTF-16 units of their names; numbers and strings as ECMAScript writes them. It
 * is stricter than `JSON.stringify`: what JSON cannot hold is refused instead of becoming null or getting lost.
 * @see RFC 8785; SPEC CAN1 to CAN5.
 */
import { AppError } from "@cyxwiz/primitives";
import { RECEIPT_ERRORS } from "../errors.ts";
import { MAX_JSON_DEPTH } from "../limits.ts";

/**
 * The canonical JSON of null, booleans, finite numbers, well-formed strings, arrays and plain objects of these.
 * Members that are undefined are left out. Pure.
 * @throws AppError `receipt/not-canonical` with the place of what JSON cannot hold, or of what is nested too deep.
 */
export function canonicalJson(value: unknown): string {
  return written(value, "the value", 0);
}

function written(value: unknown, where: string, depth: number): string {
  if (depth > MAX_JSON_DEPTH) throw refused(where, "nested too deep", `a depth of at most ${MAX_JSON_DEPTH}`);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return writtenNumber(value, where);
  if (typeof value === "string") return writtenText(value, where);
  if (Array.isArray(value)) {
    // Array.from and not map: a hole in the array is an undefined item, which is refused.
    return `[${Array.from(value, (item: unknown, index) => written(item, `${where}[${index}]`, depth + 1)).join(",")}]`;
  }
  if (isPlainObject(value)) return writtenObject(value, where, depth);
  throw refused(where, typeof value === "object" ? "an object of a class" : `of type ${typeof value}`, "JSON");
}

function writtenNumber(value: number, where: string): string {
  if (!Number.isFinite(value)) throw refused(where, String(value), "a finite number");
  // ECMAScript's own form is the one that RFC 8785 prescribes, with −0 as 0.
  return String(value);
}

function writtenText(value: string, where: string): string {
  if (!value.isWellFormed()) throw refused(where, "a string with half a surrogate pair", "Unicode text");
  return JSON.stringify(value);
}

function writtenObject(value: Readonly<Record<string, unknown>>, where: string, depth: number): string {
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    // The default order of strings is by UTF-16 units.
    .toSorted()
    .map((name) => {
      const path = `${where}.${name.slice(0, 40)}`;
      return `${writtenText(name, `the name ${path}`)}:${written(value[name], path, depth + 1)}`;
    });
  return `{${members.join(",")}}`;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function refused(where: string, found: string, allowed: string): AppError {
  return new AppError(RECEIPT_ERRORS.NOT_CANONICAL, { where: where.toWellFormed().slice(0, 200), found, allowed });
}
