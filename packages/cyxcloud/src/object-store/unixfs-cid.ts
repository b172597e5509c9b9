/**
 * The content id of a file: the root of its UnixFS tree under the profile `unixfs-v1-2025`, the one that `ipfs add`
 * gives for the same bytes.
 *
 * Leaves are raw blocks of 1 MiB under dag-pb nodes of at most 1,024 links, hashed with SHA-256. A file of at most one
 * leaf has no dag-pb node above it: its id is that of the leaf (`bafkrei…`); a longer one has a dag-pb root (`bafybei…`).
 * The tree is computed while the bytes pass; no block is kept.
 * @see IPIP-499, "UnixFS CID Profiles".
 */
import { type Cid, defined, parseCid } from "@cyxwiz/primitives";
import { importer } from "ipfs-unixfs-importer";
import { HASHED_LEAVES_IN_FLIGHT } from "../limits.ts";
import type { StoredObject } from "./object-store.ts";

/** Takes every block and forgets it: the importer only has to name them. */
const FORGETFUL_BLOCKSTORE = { put: async <T>(cid: T): Promise<T> => cid };

/**
 * Reads the stream to its end and names it.
 *
 * Cost: SHA-256 of every byte; holds at most a few leaves of 1 MiB. Rejects with the stream's own error.
 */
export async function unixfsCid(bytes: AsyncIterable<Uint8Array>): Promise<StoredObject> {
  let sizeBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      sizeBytes += piece.byteLength;
      yield piece;
    }
  }
  let root: Cid | undefined;
  const options = {
    profile: "unixfs-v1-2025",
    blockWriteConcurrency: HASHED_LEAVES_IN_FLIGHT,
  } as const;
  for await (const entry of importer([{ content: counted() }], FORGETFUL_BLOCKSTORE, options)) {
    root = parseCid(entry.cid.toString());
  }
  return { cid: defined(root, "the root of the UnixFS tree"), sizeBytes };
}
