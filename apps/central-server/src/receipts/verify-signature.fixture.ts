import { createPublicKey, verify } from "node:crypto";

/** As `checkReceipt` wants it: an Ed25519 signature, base64url, over a text's UTF-8. */
export function verifySignature(publicKeyPem: string, text: string, signature: string): boolean {
  return verify(null, Buffer.from(text), createPublicKey(publicKeyPem), Buffer.from(signature, "base64url"));
}
