/** Files that are known by what is in them: by SHA-256, or by the CID of the object that they are. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { unixfsCid } from "@cyxwiz/cyxcloud";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { CLI_ERRORS } from "../errors.ts";

export interface Content {
  readonly kind: "SHA-256" | "CID";
  readonly value: string;
}

/** The name of a file's content. Reads all of it. @throws AppError `cli/file-unreadable`. */
export async function nameFile(path: string, kind: Content["kind"]): Promise<string> {
  try {
    return await nameContent(createReadStream(path), kind);
  } catch (error) {
    throw new AppError(CLI_ERRORS.FILE_UNREADABLE, { path, reason: errorMessage(error) }, { cause: error });
  }
}

/**
 * Writes a download to `path` once all of it is there and has the expected content; nothing is left otherwise.
 * @throws AppError `cli/download-cut`, `cli/download-corrupt`.
 */
export async function saveContent(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  content: Content,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = `${path}.part`;
  try {
    await pipeline(bytes, createWriteStream(temporary), { ...(signal && { signal }) });
  } catch (error) {
    await rm(temporary, { force: true });
    signal?.throwIfAborted();
    throw new AppError(CLI_ERRORS.DOWNLOAD_CUT, { path, reason: errorMessage(error) }, { cause: error });
  }
  const actual = await nameFile(temporary, content.kind);
  if (actual !== content.value) {
    await rm(temporary, { force: true });
    throw new AppError(CLI_ERRORS.DOWNLOAD_CORRUPT, { path, kind: content.kind, expected: content.value, actual });
  }
  await rename(temporary, path);
}

async function nameContent(bytes: AsyncIterable<Uint8Array>, kind: Content["kind"]): Promise<string> {
  if (kind === "CID") return (await unixfsCid(bytes)).cid;
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest("hex");
}
