/**
 * The server's signature on a quote: a compact JWS (EdDSA) over what binds both sides, so that a user can show later
 * what was promised. @see RFC 7515, RFC 8037.
 */
import type { KeyObject } from "node:crypto";
import { CompactSign } from "jose";

export interface QuoteSigner {
  /** An Ed25519 private key. */
  readonly privateKey: KeyObject;
  readonly keyId: string;
}

export interface SignedQuote {
  readonly quote_id: string;
  readonly user_id: string;
  /** CYXWIZ, as a decimal string. */
  readonly amount: string;
  /** SHA-256 of the graph document, lower-case hex. */
  readonly graph_hash: string;
  readonly data_cid: string;
  readonly seed: string;
  readonly total_steps: number;
  readonly expires_at: string;
}

export async function signQuote(signer: QuoteSigner, quote: SignedQuote): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(quote)))
    .setProtectedHeader({ alg: "EdDSA", kid: signer.keyId })
    .sign(signer.privateKey);
}
