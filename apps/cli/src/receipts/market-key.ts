/** The public key of a market as it is published, read from a file, or given by hand; its id always follows from the key. */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { receiptKeysSchema, type ReceiptKeys } from "@cyxwiz/protocol/rest";
import type { ReceiptKey } from "@cyxwiz/receipt";
import { isHttpUrl } from "../client/market-url.ts";
import { MarketClient } from "../client/market-client.ts";
import { CLI_ERRORS } from "../errors.ts";
import { MAX_KEY_FILE_BYTES } from "../limits.ts";

/** SHA-256 of the key's SPKI DER in hex; its first 16 digits are the key's id. @throws AppError `cli/key-malformed`. */
export function fingerprint(publicKey: string, source: string): string {
  const key = parsePublicKey(publicKey, source);
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");
}

/** The keys of a market, each checked to be what it says it is. @throws AppError `cli/key-malformed`, and of the client. */
export async function fetchKeys(url: string, signal?: AbortSignal): Promise<ReceiptKeys> {
  return checkKeys(await new MarketClient(url).receiptKeys(signal), url);
}

/** @throws AppError `cli/key-malformed`: an id that is not its key's, another market's key, no key at all. */
export function checkKeys(published: ReceiptKeys, source: string): ReceiptKeys {
  const refuse = (reason: string): AppError => new AppError(CLI_ERRORS.KEY_MALFORMED, { source, reason });
  if (published.keys.length === 0) throw refuse("it lists none");
  for (const key of published.keys) {
    if (key.network !== published.network) throw refuse(`${key.key_id} is of ${key.network}, not ${published.network}`);
    if (fingerprint(key.public_key, source).slice(0, 16) !== key.key_id) throw refuse(`${key.key_id} is not its id`);
  }
  return published;
}

/**
 * What `--key` names: a market's address, a file with what that market publishes, or a PEM file. Who gives a bare PEM file
 * vouches for it, so it counts for the `network` of the receipt that is checked with it.
 * @throws AppError `cli/key-malformed`, `cli/file-unreadable`, and of the client.
 */
export async function readKeys(source: string, network: string, signal?: AbortSignal): Promise<readonly ReceiptKey[]> {
  if (isHttpUrl(source)) return (await fetchKeys(source, signal)).keys;
  const text = await readKeyFile(source);
  if (text.trimStart().startsWith("-----BEGIN")) {
    const key_id = fingerprint(text, source).slice(0, 16);
    return [{ key_id, network, algorithm: "ed25519", public_key: text }];
  }
  const parsed = receiptKeysSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new AppError(CLI_ERRORS.KEY_MALFORMED, { source, reason: "neither PEM nor a key list" });
  return checkKeys(parsed.data, source).keys;
}

async function readKeyFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_KEY_FILE_BYTES) throw new AppError(CLI_ERRORS.KEY_MALFORMED, { source: path, reason: "too long" });
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(CLI_ERRORS.FILE_UNREADABLE, { path, reason: errorMessage(error) }, { cause: error });
  }
}

function parsePublicKey(pem: string, source: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === "ed25519" && !pem.includes("PRIVATE KEY")) return key;
    throw new AppError(CLI_ERRORS.KEY_MALFORMED, { source, reason: `a key of kind ${key.asymmetricKeyType}` });
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(CLI_ERRORS.KEY_MALFORMED, { source, reason: errorMessage(error) }, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
