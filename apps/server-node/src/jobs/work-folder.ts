import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AssignmentId } from "@cyxwiz/primitives";

/** A folder for one assignment's files, gone when disposed. */
export interface WorkFolder extends AsyncDisposable {
  readonly path: string;
}

/** Removes what an earlier daemon left behind when it was killed. Called once, under the data folder's lock. */
export async function clearWorkFolders(dataDir: string): Promise<void> {
  await rm(join(dataDir, "work"), { recursive: true, force: true });
}

export async function openWorkFolder(dataDir: string, assignmentId: AssignmentId): Promise<WorkFolder> {
  const path = join(dataDir, "work", assignmentId);
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true, mode: 0o700 });
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}
