/** The key with which this market signs, and how it is published. */
import { createHash, createPublicKey, sign, type KeyObject } from "node:crypto";
import type { ReceiptKey, ReceiptSigner } from "@cyxwiz/receipt";

export interface MarketKey extends ReceiptSigner {
  readonly privateKey: KeyObject;
  /** SPKI, PEM. */
  readonly publicKey: string;
}

/** The key's id is the SHA-256 of its public half, so that a verifier knows which key signed. */
export function marketKey(privateKey: KeyObject): MarketKey {
  const publicKey = createPublicKey(privateKey);
  const der = publicKey.export({ type: "spki", format: "der" });
  return {
    privateKey,
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    keyId: createHash("sha256").update(der).digest("hex").slice(0, 16),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString("base64url"),
  };
}

export function published(key: MarketKey, network: string): ReceiptKey {
  return { key_id: key.keyId, network, algorithm: "ed25519", public_key: key.publicKey };
}
