/**
 * A file of an assignment into the object store, with the proof that it arrived as it was.
 *
 * An upload goes on trying for as long as the assignment lives: what a trained step earns depends on it, and a server
 * that restarts must not cost it. The file is named by its own content, and the server's answer has to name the same.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { unixfsCid } from "@cyxwiz/cyxcloud";
import { type Clock, type Logger, retry } from "@cyxwiz/platform";
import type { StoredBytes } from "../central/central-rest.ts";
import type { Artifact } from "../central/messages.ts";
import { NODE_ERRORS } from "../errors.ts";
import { TRANSFER_FIRST_DELAY_MS, TRANSFER_MAX_DELAY_MS } from "../limits.ts";

export interface UploadOptions {
  readonly upload: (file: string, signal: AbortSignal) => Promise<StoredBytes>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** @throws the signal's reason, `node/central-refused`, `node/object-mismatch`. */
export async function uploadArtifact(file: string, options: UploadOptions): Promise<Artifact> {
  const own = await describeFile(file, options.signal);
  const { clock, random, signal, logger } = options;
  const stored = await retry(() => options.upload(file, signal), {
    clock,
    random,
    signal,
    attempts: Infinity,
    firstDelayMs: TRANSFER_FIRST_DELAY_MS,
    maxDelayMs: TRANSFER_MAX_DELAY_MS,
    onRetry: (error, attempt, delayMs) =>
      logger.warn("an upload failed and is tried again", {
        problem: errorMessage(error),
        attempt,
        retryInMs: Math.round(delayMs),
      }),
  });
  if (stored.cid === own.cid) return own;
  const context = { cid: own.cid, found: stored.cid, sizeBytes: stored.sizeBytes, expectedBytes: own.sizeBytes };
  throw new AppError(NODE_ERRORS.OBJECT_MISMATCH, context);
}

/** Content id, SHA-256 and size of a file, in one pass. */
export async function describeFile(file: string, signal: AbortSignal): Promise<Artifact> {
  const sha256 = createHash("sha256");
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const piece of createReadStream(file, { signal })) {
      sha256.update(piece as Buffer);
      yield piece as Buffer;
    }
  }
  const { cid, sizeBytes } = await unixfsCid(hashed());
  return { cid, sizeBytes, sha256: sha256.digest("hex") };
}
