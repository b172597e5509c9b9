/**
 * Free text that a graph carries into panels, terminals and logs.
 *
 * Control characters would let a file write escape codes into a terminal, and direction marks would let a name read
 * otherwise than it is: neither belongs into a name.
 */
import { asText, malformed } from "./read-json.ts";
import type { JsonAt } from "./read-json.ts";

const UNSHOWABLE = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u;
const UNSHOWABLE_BUT_BREAKS = /(?![\n\t])[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u;

/** One line: 1 to `maxLength` characters. */
export function asLine(at: JsonAt, maxLength: number): string {
  const text = asText(at, maxLength);
  if (text.length === 0) throw malformed(at, "a text that is not empty");
  if (UNSHOWABLE.test(text)) throw malformed(at, "a text without control characters and direction marks");
  return text;
}

/** Several lines, which may be none. */
export function asLines(at: JsonAt, maxLength: number): string {
  const text = asText(at, maxLength);
  if (UNSHOWABLE_BUT_BREAKS.test(text)) {
    throw malformed(at, "a text without control characters (but line breaks and tabs) and direction marks");
  }
  return text;
}

/** The nearest text that `asLine` takes, or undefined when nothing is left. */
export function cleanLine(text: string, maxLength: number): string | undefined {
  const clean = text.replaceAll(new RegExp(UNSHOWABLE, "gu"), " ").trim().slice(0, maxLength).trim();
  return clean.length > 0 ? clean : undefined;
}
