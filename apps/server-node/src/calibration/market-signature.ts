/** Whether the market that this node works for signed something: with a key that it publishes. */
import { createPublicKey, verify } from "node:crypto";
import type { CentralRest } from "../central/central-rest.ts";

export class MarketSignature {
  readonly #rest: Pick<CentralRest, "receiptKeys">;
  #keys: Promise<readonly string[]> | undefined;

  constructor(rest: Pick<CentralRest, "receiptKeys">) {
    this.#rest = rest;
  }

  /** `signature`: Ed25519 over the text's UTF-8, base64url. Keys that cannot be fetched now are asked for next time. */
  async isOurs(text: string, signature: string, signal: AbortSignal): Promise<boolean> {
    this.#keys ??= this.#rest.receiptKeys(signal);
    const keys = await this.#keys.catch((error: unknown) => {
      this.#keys = undefined;
      throw error;
    });
    if (keys.some((pem) => isSignedBy(pem, text, signature))) return true;
    // The market may have a new key.
    this.#keys = undefined;
    return false;
  }
}

function isSignedBy(pem: string, text: string, signature: string): boolean {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== "ed25519") return false;
  return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64url"));
}
