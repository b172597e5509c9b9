/** Finds files by what is in them, whatever they are called: the names in a results folder are anybody's choice. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isError } from "@cyxwiz/primitives";
import { nameFile, type Content } from "../client/content.ts";
import { CLI_ERRORS } from "../errors.ts";
import { MAX_SEARCH_DEPTH, MAX_SEARCHED_BYTES, MAX_SEARCHED_FILES } from "../limits.ts";

export interface WantedFile {
  /** For people: "the dataset". */
  readonly what: string;
  readonly content: Content;
  /** Under which a market has it as an object; absent for a graph. */
  readonly cid?: string;
  /** Only files of this size are read. */
  readonly sizeBytes?: number;
}

interface Candidate {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * The paths of those that are there, in the folder or a few below it.
 *
 * Cost: reads each file that may be one, smallest first, and stops when all are found or a limit is reached. Links are not
 * followed; what cannot be read counts as not there.
 */
export async function findFiles(
  folder: string,
  wanted: readonly WantedFile[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<WantedFile, string>> {
  const found = new Map<WantedFile, string>();
  const candidates = await listFiles(folder);
  let readBytes = 0;
  for (const { path, sizeBytes } of candidates.toSorted((a, b) => a.sizeBytes - b.sizeBytes)) {
    const open = wanted.filter((file) => !found.has(file) && (file.sizeBytes ?? sizeBytes) === sizeBytes);
    for (const kind of new Set(open.map((file) => file.content.kind))) {
      signal?.throwIfAborted();
      readBytes += sizeBytes;
      if (readBytes > MAX_SEARCHED_BYTES) return found;
      const value = await nameReadable(path, kind);
      for (const file of open) if (file.content.kind === kind && file.content.value === value) found.set(file, path);
    }
    if (found.size === wanted.length) break;
  }
  return found;
}

async function listFiles(folder: string): Promise<Candidate[]> {
  const files: Candidate[] = [];
  const folders = [{ path: folder, depth: 0 }];
  for (let next = folders.shift(); next !== undefined; next = folders.shift()) {
    const { path, depth } = next;
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const inside = join(path, entry.name);
      if (files.length + folders.length >= MAX_SEARCHED_FILES) return files;
      if (entry.isDirectory() && depth < MAX_SEARCH_DEPTH) folders.push({ path: inside, depth: depth + 1 });
      if (!entry.isFile()) continue;
      const sizeBytes = await stat(inside).then(
        (stats) => stats.size,
        () => undefined,
      );
      if (sizeBytes !== undefined) files.push({ path: inside, sizeBytes });
    }
  }
  return files;
}

async function nameReadable(path: string, kind: Content["kind"]): Promise<string | undefined> {
  try {
    return await nameFile(path, kind);
  } catch (error) {
    if (isError(error, CLI_ERRORS.FILE_UNREADABLE)) return undefined;
    throw error;
  }
}
