/** Checks a receipt with nothing but itself and the keys of markets: no network is used here. */
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { AppError, errorMessage, isError } from "@cyxwiz/primitives";
import { checkReceipt, parseReceipt, RECEIPT_ERRORS, type ReceiptKey, type SignedReceipt } from "@cyxwiz/receipt";
import { CLI_ERRORS } from "../errors.ts";
import { MAX_RECEIPT_BYTES } from "../limits.ts";

/**
 * Reads a receipt file, unchecked.
 * @throws AppError `cli/file-unreadable`, `receipt/malformed`.
 */
export async function readReceipt(path: string): Promise<SignedReceipt> {
  return parseReceipt(await readReceiptText(path));
}

/**
 * Checks signature, chain, verdict and sums.
 * @throws AppError `receipt/…`, each for one thing that is wrong; for an unknown key it says how to get it.
 */
export function verifyReceipt(signed: SignedReceipt, keys: readonly ReceiptKey[]): void {
  try {
    checkReceipt(signed, { keys, verify: isSignatureOf, sha256 });
  } catch (error) {
    if (!isError(error, RECEIPT_ERRORS.KEY_UNKNOWN)) throw error;
    const message = (): string =>
      `${error.message}. Get them with "cyxwiz receipt trust URL", or name them with --key FILE-OR-URL`;
    throw new AppError({ ...RECEIPT_ERRORS.KEY_UNKNOWN, message }, error.context, { cause: error });
  }
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

function isSignatureOf(publicKey: string, text: string, signature: string): boolean {
  try {
    return verify(null, Buffer.from(text), createPublicKey(publicKey), Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}

async function readReceiptText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_RECEIPT_BYTES) {
      throw new AppError(CLI_ERRORS.FILE_UNREADABLE, { path, reason: `${size} bytes are too many for a receipt` });
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(CLI_ERRORS.FILE_UNREADABLE, { path, reason: errorMessage(error) }, { cause: error });
  }
}
