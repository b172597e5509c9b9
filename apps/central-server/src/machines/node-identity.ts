/**
 * Who a node is: its Ed25519 key, which gives its id.
 *
 * Older nodes register without a key. They get an id from owner, wallet and address, and a placeholder in the key
 * column that no key pair is known for, so that nobody can ever prove to be them.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import { nodeIdOfPublicKey, uuidV5 } from "@cyxwiz/platform";
import { AppError, type NodeId, type UserId } from "@cyxwiz/primitives";
import { MACHINE_ERRORS } from "./machine-errors.ts";

/** What a node signs to register under an owner. */
export function registrationMessage(machineId: string, ownerId: string): string {
  return `cyxwiz-register:${machineId}:${ownerId}`;
}

export interface NodeProof {
  readonly machineId: string;
  readonly ownerId: UserId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** @throws AppError `central/machine-id-mismatch`, `central/machine-proof-mismatch`. */
export function provenNodeId({ machineId, ownerId, publicKey, signature }: NodeProof): NodeId {
  const nodeId = nodeIdOfPublicKey(publicKey);
  if (machineId.toLowerCase() !== nodeId) {
    throw new AppError(MACHINE_ERRORS.IDENTITY_MISMATCH, { machineId, expected: nodeId });
  }
  const message = registrationMessage(nodeId, ownerId);
  if (!isSignedBy(publicKey, message, signature)) {
    throw new AppError(MACHINE_ERRORS.PROOF_INVALID, { machineId: nodeId, message });
  }
  return nodeId;
}

function isSignedBy(publicKey: Uint8Array, message: string, signature: Uint8Array): boolean {
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") },
    format: "jwk",
  });
  return verify(null, Buffer.from(message), key, signature);
}

export interface KeylessIdentity {
  readonly nodeId: NodeId;
  readonly placeholderKey: Uint8Array;
}

/** The identity of an older node without a key: the same owner, wallet and address give the same node. */
export function keylessIdentity(ownerId: UserId, wallet: string, address: string): KeylessIdentity {
  const name = JSON.stringify([ownerId, wallet, address]);
  const placeholderKey = createHash("sha256").update(`cyxwiz-keyless-node:${name}`).digest();
  return { nodeId: uuidV5(KEYLESS_NAMESPACE, Buffer.from(name)) as NodeId, placeholderKey };
}

/** UUIDv5 of the DNS namespace and "keyless.node.cyxwiz". */
const KEYLESS_NAMESPACE: Uint8Array = Buffer.from(
  uuidV5(Buffer.from("6ba7b8109dad11d180b400c04fd430c8", "hex"), Buffer.from("keyless.node.cyxwiz")).replaceAll(
    "-",
    "",
  ),
  "hex",
);
