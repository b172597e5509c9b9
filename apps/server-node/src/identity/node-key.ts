/**
 * The node's identity: one Ed25519 key per data folder, made at the first start and never replaced.
 *
 * The node id is computed from the public key, by the server too, so nobody can claim an id without its key. Losing the
 * file means a new node; therefore a damaged file stops the start instead of being overwritten.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { join } from "node:path";
import { AppError, defined, errorMessage, type NodeId } from "@cyxwiz/primitives";
import { nodeIdOfPublicKey } from "@cyxwiz/platform";
import { NODE_ERRORS } from "../errors.ts";
import { createPrivateFile, readPrivateFile } from "./private-file.ts";

export interface NodeKey {
  readonly nodeId: NodeId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 over the UTF-8 bytes of the text: 64 bytes (RFC 8032). */
  sign(text: string): Uint8Array;
}

/** Reads `node-key.pem` of the folder, or makes it (mode 0600). @throws AppError `node/identity-malformed`. */
export async function openNodeKey(folder: string): Promise<NodeKey> {
  const path = join(folder, "node-key.pem");
  const found = await readPrivateFile(path);
  if (found !== undefined) return nodeKey(parseKey(path, found));
  const { privateKey } = generateKeyPairSync("ed25519");
  await createPrivateFile(path, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  // What is on disk counts, whoever wrote it first.
  return nodeKey(parseKey(path, defined(await readPrivateFile(path), path)));
}

function nodeKey(privateKey: KeyObject): NodeKey {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  const publicKey = Buffer.from(defined(x, "the public half of the key"), "base64url");
  return {
    nodeId: nodeIdOfPublicKey(publicKey),
    publicKey,
    sign: (text) => sign(null, Buffer.from(text), privateKey),
  };
}

function parseKey(file: string, pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
    throw new AppError(NODE_ERRORS.IDENTITY_MALFORMED, {
      file,
      problem: `it holds a key of type ${key.asymmetricKeyType}`,
    });
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(NODE_ERRORS.IDENTITY_MALFORMED, { file, problem: errorMessage(error) }, { cause: error });
  }
}
