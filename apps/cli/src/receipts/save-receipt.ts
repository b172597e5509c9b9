/** A receipt comes from its market, is checked with that market's key, and is written; the key is remembered. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "@cyxwiz/primitives";
import { parseReceipt, type ReceiptBody, type ReceiptKey } from "@cyxwiz/receipt";
import type { MarketClient } from "../client/market-client.ts";
import { CLI_ERRORS } from "../errors.ts";
import { MAX_RECEIPT_BYTES } from "../limits.ts";
import type { KeyStore } from "./key-store.ts";
import { checkKeys } from "./market-key.ts";
import { verifyReceipt } from "./verify-receipt.ts";

export interface SavedReceipt {
  readonly path: string;
  readonly receipt: ReceiptBody;
  /** Keys that were not known before. */
  readonly added: readonly ReceiptKey[];
}

export interface SaveReceiptOptions {
  readonly path: string;
  readonly keys: KeyStore;
  readonly signal?: AbortSignal;
}

/**
 * Saves the receipt of a job, indented: its signature is over its canonical form, not over the file.
 * @throws AppError `receipt/…` and `cli/receipt-mismatch` when the market gives something else: nothing is saved then;
 * `cli/key-conflict`, `cli/keys-unreadable`, and of the client.
 */
export async function saveReceipt(
  client: MarketClient,
  jobId: string,
  { path, keys, signal }: SaveReceiptOptions,
): Promise<SavedReceipt> {
  const published = checkKeys(await client.receiptKeys(signal), client.url);
  const signed = parseReceipt(await boundedText(await client.receipt(jobId, signal)));
  verifyReceipt(signed, published.keys);
  const received = signed.receipt.job_id;
  if (received !== jobId.toLowerCase()) throw new AppError(CLI_ERRORS.RECEIPT_MISMATCH, { asked: jobId, received });
  const added = await keys.remember(published, client.url);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, `${JSON.stringify(signed, undefined, 2)}\n`);
  await rename(`${path}.part`, path);
  return { path, receipt: signed.receipt, added };
}

/** No more than a receipt can be: one that is cut there is refused by its reader. */
async function boundedText(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let readBytes = 0;
  for await (const chunk of bytes) {
    text += decoder.decode(chunk, { stream: true });
    readBytes += chunk.byteLength;
    if (readBytes > MAX_RECEIPT_BYTES) break;
  }
  return text + decoder.decode();
}
