/**
 * Pieces that several REST resources share. Field names are the documents' own (snake_case); amounts are decimal strings
 * of CYXWIZ, because a JSON number cannot hold nine decimals of a large balance.
 */
import { z } from "zod";

export const uuidSchema: z.ZodType<string> = z.uuid().describe("UUID");
export const cidSchema: z.ZodType<string> = z
  .string()
  .regex(/^b[a-z2-7]{20,120}$/, "expected a CID, version 1, in base32 (bafy…)")
  .describe("Content id: the IPFS CID of the stored bytes");
export const amountSchema: z.ZodType<string> = z
  .string()
  .regex(/^\d{1,10}(\.\d{1,9})?$/, 'expected an amount of CYXWIZ with at most 9 decimals, like "12.5"')
  .describe("CYXWIZ, as a decimal string");
export const timeSchema: z.ZodType<string> = z.iso.datetime().describe("UTC, ISO 8601");

/** Free text for people: at most `max` characters, none of them a control character. */
export function textSchema(max: number): z.ZodString {
  return z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}]*$/u, "control characters are not allowed");
}

export const ERROR_CODES = [
  "INVALID_REQUEST",
  "UNAUTHORIZED",
  "FORBIDDEN",
  "NOT_FOUND",
  "CONFLICT",
  "INVALID_ALLOCATION",
  "RATE_LIMITED",
  "SERVER_ERROR",
] as const;

export const errorSchema = z.object({
  error: z.string().describe("What went wrong, where, what was allowed, what to do"),
  code: z.enum(ERROR_CODES),
  details: z
    .object({ reason: z.string().describe("Stable code of the error, like market/insufficient-funds") })
    .loose(),
});
export type ErrorBody = z.infer<typeof errorSchema>;
