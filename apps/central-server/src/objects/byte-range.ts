import type { ByteRange } from "@cyxwiz/cyxcloud";
import { MAX_RANGE_CHARS } from "./limits.ts";

export type RequestedRange =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly range: ByteRange }
  | { readonly kind: "unsatisfiable" };

/**
 * Reads a Range header against the size of what is served. Pure.
 *
 * One range of bytes is served; a list of ranges or another unit is answered with the whole, as HTTP allows.
 * @see RFC 9110, section 14.
 */
export function requestedRange(header: string | undefined, sizeBytes: number): RequestedRange {
  if (header === undefined || header.length > MAX_RANGE_CHARS) return { kind: "whole" };
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!match || (match[1] === "" && match[2] === "")) return { kind: "whole" };
  const [, first = "", last = ""] = match;
  const isSuffix = first === "";
  const start = isSuffix ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = isSuffix || last === "" ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (!isSuffix && last !== "" && Number(last) < start) return { kind: "whole" };
  return start < end ? { kind: "part", range: { start, end } } : { kind: "unsatisfiable" };
}
