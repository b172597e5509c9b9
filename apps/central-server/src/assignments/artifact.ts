import { AppError, type UserId } from "@cyxwiz/primitives";
import type { MarketTransaction } from "../database/transaction.ts";
import { readableObject } from "../objects/object-service.ts";
import type { ArtifactRecord } from "../verification/job-ending.ts";
import { ASSIGNMENT_ERRORS } from "./assignment-errors.ts";

/** A stored object as a node reports it. */
export interface ReportedArtifact {
  readonly cid: string;
  /** Of the bytes, lower-case hex. */
  readonly sha256: string;
  readonly sizeBytes: bigint;
}

/**
 * The object is in the store, was uploaded by the node (as its owner) and has the size and the hash that were said.
 *
 * @throws AppError `central/artifact-not-found`.
 */
export async function requireArtifact(
  transaction: MarketTransaction,
  ownerId: UserId,
  artifact: ReportedArtifact,
  what: string,
): Promise<void> {
  const stored = await readableObject(transaction, artifact.cid, ownerId);
  if (stored?.size_bytes === artifact.sizeBytes && stored.sha256 === artifact.sha256) return;
  throw new AppError(ASSIGNMENT_ERRORS.ARTIFACT_NOT_FOUND, { what, cid: artifact.cid.slice(0, 130) });
}

export function artifactRecord(artifact: ReportedArtifact | undefined): ArtifactRecord | null {
  return artifact ? { cid: artifact.cid, sha256: artifact.sha256, size_bytes: Number(artifact.sizeBytes) } : null;
}
