/**
 * The hash chain of a job: one head that stands for everything that happened up to an entry.
 *
 * head₀ = SHA-256("cyxwiz-chain-1"); headₙ = SHA-256(headₙ₋₁ ‖ canonicalJson(entryₙ)), texts as UTF-8. Node and server
 * extend it entry by entry, each from what it saw itself; equal heads mean equal histories. Whether the entries make
 * sense is another question: `checkChain`.
 * @see SPEC CHN1, CHN2.
 */
import { AppError } from "@cyxwiz/primitives";
import { canonicalJson } from "../canonical/canonical-json.ts";
import { fromHex, toHex } from "../canonical/hex.ts";
import { utf8 } from "../canonical/utf8.ts";
import { RECEIPT_ERRORS } from "../errors.ts";
import type { ChainEntry } from "./chain-entry.ts";

/** SHA-256 of bytes, 32 bytes: of `node:crypto`, or of whatever the place offers. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

const HEAD = /^[0-9a-f]{64}$/;

/** The head of the chain without entries, in hex. Pure. */
export const CHAIN_START = (sha256: Sha256): string => toHex(sha256(utf8("cyxwiz-chain-1")));

/**
 * The head after one more entry. Heads are 64 lower-case hexadecimal digits. Pure.
 * @throws AppError `receipt/head-malformed`, `receipt/not-canonical`.
 */
export function extendChain(head: string, entry: ChainEntry, sha256: Sha256): string {
  if (!HEAD.test(head)) throw new AppError(RECEIPT_ERRORS.HEAD_MALFORMED, { value: head.slice(0, 80) });
  const before = fromHex(head);
  const added = utf8(canonicalJson(entry));
  const bytes = new Uint8Array(before.length + added.length);
  bytes.set(before);
  bytes.set(added, before.length);
  return toHex(sha256(bytes));
}

/** The head after all entries: what a job commits to. Cost: one hash an entry. @throws AppError `receipt/not-canonical`. */
export function chainRoot(entries: readonly ChainEntry[], sha256: Sha256): string {
  return entries.reduce((head, entry) => extendChain(head, entry, sha256), CHAIN_START(sha256));
}
