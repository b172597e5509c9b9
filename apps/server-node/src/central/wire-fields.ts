/** Readers of single wire fields. Each throws `node/assignment-malformed` with the field, its value and what is allowed. */
import { AppError, parseCid } from "@cyxwiz/primitives";
import type { CheckpointRef } from "@cyxwiz/protocol";
import { NODE_ERRORS } from "../errors.ts";
import type { StoredCheckpoint } from "./messages.ts";

export function readWhole(field: string, value: bigint | number, least: number): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw malformed(field, String(value), `a whole number from ${least} to 2^53 − 1`);
}

/** A SHA-256 as text. */
export function readHash(field: string, value: string): string {
  if (/^[0-9a-f]{64}$/.test(value)) return value;
  throw malformed(field, value, "64 lower-case hex digits");
}

export function readCheckpoint(field: string, wire: CheckpointRef): StoredCheckpoint {
  return {
    step: readWhole(`${field}.step`, wire.step, 0),
    cid: parseCid(wire.cid),
    sha256: readHash(`${field}.sha256`, wire.sha256),
    sizeBytes: readWhole(`${field}.size_bytes`, wire.sizeBytes, 1),
  };
}

export function malformed(field: string, value: string, allowed: string): AppError {
  return new AppError(NODE_ERRORS.ASSIGNMENT_MALFORMED, { field, value: value.slice(0, 80), allowed });
}
