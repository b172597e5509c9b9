/**
 * Content-addressed files under one folder: the object store of a single computer.
 *
 * An object is written to `incoming/`, hashed while it passes, flushed, and then renamed to `objects/<xx>/<cid>`. The
 * rename is the only moment at which it appears, so a crash leaves nothing but files in `incoming/`, which the next
 * start removes. What `put` answered is on disk: file and folders are flushed before it returns. One process owns the
 * folder. It is not a network store and keeps no copies.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type Cid } from "@cyxwiz/primitives";
import { CYXCLOUD_ERRORS } from "../errors.ts";
import { READ_PIECE_BYTES } from "../limits.ts";
import { bounded, checkedRange } from "./bounded-bytes.ts";
import type { ByteRange, ObjectStore, StoredObject } from "./object-store.ts";
import { unixfsCid } from "./unixfs-cid.ts";

export class FileObjectStore implements ObjectStore {
  readonly #folder: string;
  #incoming = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder where it is missing and removes what a crash left half-written. */
  static async open(folder: string): Promise<FileObjectStore> {
    await rm(join(folder, "incoming"), { recursive: true, force: true });
    // Datasets and models of strangers: nobody else on the computer may read them.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await mkdir(join(folder, "incoming"), { recursive: true, mode: 0o700 });
    await mkdir(join(folder, "objects"), { recursive: true, mode: 0o700 });
    await flushFolder(folder);
    return new FileObjectStore(folder);
  }

  async put(
    bytes: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; signal?: AbortSignal },
  ): Promise<StoredObject> {
    const incoming = join(this.#folder, "incoming", String(this.#incoming++));
    try {
      const stored = await writeFlushed(incoming, bounded(bytes, options));
      options.signal?.throwIfAborted();
      await mkdir(this.#shelf(stored.cid), { recursive: true });
      await rename(incoming, this.#path(stored.cid));
      await flushFolder(this.#shelf(stored.cid));
      await flushFolder(join(this.#folder, "objects"));
      return stored;
    } catch (error) {
      await rm(incoming, { force: true });
      throw isDiskFull(error) ? new AppError(CYXCLOUD_ERRORS.STORE_FULL, { where: "disk" }, { cause: error }) : error;
    }
  }

  async get(cid: Cid, options: { range?: ByteRange; signal?: AbortSignal } = {}): Promise<AsyncIterable<Uint8Array>> {
    const object = await this.stat(cid);
    if (!object) throw new AppError(CYXCLOUD_ERRORS.OBJECT_NOT_FOUND, { cid });
    const { start, end } = checkedRange(options.range, object.sizeBytes);
    return readPieces(this.#path(cid), { start, end }, options.signal);
  }

  async stat(cid: Cid): Promise<StoredObject | undefined> {
    const found = await stat(this.#path(cid)).catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    });
    return found && { cid, sizeBytes: found.size };
  }

  async delete(cid: Cid): Promise<void> {
    if (!(await this.stat(cid))) return;
    await rm(this.#path(cid), { force: true });
    await flushFolder(this.#shelf(cid));
  }

  /** The last two letters spread the objects evenly: the first ones name the format and are always the same. */
  #shelf(cid: Cid): string {
    return join(this.#folder, "objects", cid.slice(-2));
  }

  #path(cid: Cid): string {
    return join(this.#shelf(cid), cid);
  }
}

async function writeFlushed(path: string, bytes: AsyncIterable<Uint8Array>): Promise<StoredObject> {
  await using file = await open(path, "wx");
  async function* written(): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      // The importer keeps pieces until a leaf is full, and the giver may use its buffer again.
      const copy = new Uint8Array(piece);
      await writeAll(file, copy);
      yield copy;
    }
  }
  const stored = await unixfsCid(written());
  await file.sync();
  return stored;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) at += (await file.write(bytes, at)).bytesWritten;
}

async function* readPieces(
  path: string,
  { start, end }: ByteRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (start === end) return;
  const stream = createReadStream(path, { start, end: end - 1, highWaterMark: READ_PIECE_BYTES });
  for await (const piece of stream) {
    signal?.throwIfAborted();
    yield piece as Uint8Array;
  }
}

/** A rename is on disk once its folder is. Windows cannot open a folder; its file system journals renames. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  await using handle = await open(folder, "r");
  await handle.sync();
}

function isDiskFull(error: unknown): boolean {
  return hasCode(error, "ENOSPC") || hasCode(error, "EDQUOT");
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === code;
}
