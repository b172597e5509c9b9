/** Small files that only their owner may read, replaced as a whole or not at all. */
import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Replaces the file in one step; its content is on disk when this returns. Mode 0600. */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  const fresh = await flushedCopy(path, content);
  await rename(fresh, path);
  await flushFolder(dirname(path));
}

/** As `writePrivateFile`, but never over a file that is there: false then, and the file stays as it was. */
export async function createPrivateFile(path: string, content: string): Promise<boolean> {
  const fresh = await flushedCopy(path, content);
  try {
    await link(fresh, path);
    await flushFolder(dirname(path));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(fresh, { force: true });
  }
}

/** The content, or undefined where there is no such file. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function flushedCopy(path: string, content: string): Promise<string> {
  const fresh = join(dirname(path), `.fresh-${randomUUID()}`);
  await using file = await open(fresh, "wx", 0o600);
  await file.writeFile(content);
  await file.sync();
  return fresh;
}

/** A rename is on disk only when its folder is. Windows has no such call and needs none. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  await using handle = await open(folder, "r");
  await handle.sync();
}
