/**
 * The API key of a node: 256 random bits, shown once and stored only as their SHA-256.
 *
 * A plain hash is enough for a key that cannot be guessed. It comes from the operating system and not from an argument,
 * so that no test's predictable source can ever be wired into production.
 */
import { createHash, randomBytes } from "node:crypto";

const PREFIX = "cyxn_";

export interface NodeKey {
  readonly key: string;
  readonly hash: Uint8Array;
}

export function newNodeKey(): NodeKey {
  const key = PREFIX + randomBytes(32).toString("base64url");
  return { key, hash: hashNodeKey(key) };
}

export function hashNodeKey(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}
