import { createHash } from "node:crypto";
import type { NodeId } from "@cyxwiz/primitives";

/** Namespace of node ids: UUIDv5 of the DNS namespace and "node.cyxwiz". */
const NODE_NAMESPACE = uuidV5(Buffer.from("6ba7b8109dad11d180b400c04fd430c8", "hex"), Buffer.from("node.cyxwiz"));

/**
 * The id of a node (and of its machine): UUIDv5 of its raw Ed25519 public key.
 *
 * Shapes: key of 32 bytes. Pure. The server computes it too, so a node cannot claim an id that its key does not give.
 */
export function nodeIdOfPublicKey(publicKey: Uint8Array): NodeId {
  return uuidV5(Buffer.from(NODE_NAMESPACE.replaceAll("-", ""), "hex"), publicKey) as NodeId;
}

/** @see RFC 9562, section 5.5. */
export function uuidV5(namespace: Uint8Array, name: Uint8Array): string {
  const digest = createHash("sha1").update(namespace).update(name).digest().subarray(0, 16);
  digest[6] = ((digest[6] as number) & 0x0f) | 0x50;
  digest[8] = ((digest[8] as number) & 0x3f) | 0x80;
  return digest.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
