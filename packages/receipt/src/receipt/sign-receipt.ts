import { canonicalJson } from "../canonical/canonical-json.ts";
import type { ReceiptBody, SignedReceipt } from "./receipt.ts";

/** The private half of a `ReceiptKey`. */
export interface ReceiptSigner {
  /** As in `ReceiptKey.key_id`. */
  readonly keyId: string;
  /** The Ed25519 signature over the text's UTF-8 bytes, base64url without padding. */
  readonly sign: (text: string) => string;
}

/** Signs the canonical JSON of a receipt. Pure but for the signer. @throws AppError `receipt/not-canonical`. */
export function signReceipt(body: ReceiptBody, { keyId, sign }: ReceiptSigner): SignedReceipt {
  return { receipt: body, signature: { algorithm: "ed25519", key_id: keyId, value: sign(canonicalJson(body)) } };
}
