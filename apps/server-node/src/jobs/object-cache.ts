/**
 * Datasets and checkpoints on this node's disk, by content id.
 *
 * Bytes are hashed while they arrive and appear under their name only when size and id are what the assignment named, so a
 * file that is there is right. The folder is bounded: what was used longest ago goes first, what is in use never. A crash
 * leaves only files in `incoming/`, which the next start removes.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type Cid } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { unixfsCid } from "@cyxwiz/cyxcloud";
import { NODE_ERRORS } from "../errors.ts";

/** A file that stays where it is until disposed. */
export interface CachedObject extends Disposable {
  readonly path: string;
}

export interface ObjectCacheOptions {
  readonly folder: string;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly download: (cid: Cid, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Runs a download, again where a failure may pass. */
  readonly attempt: (download: () => Promise<void>, signal: AbortSignal) => Promise<void>;
}

export class ObjectCache {
  readonly maxBytes: number;
  readonly #options: ObjectCacheOptions;
  readonly #users = new Map<Cid, number>();
  /** One fetch of an object at a time: the second finds it there. */
  readonly #fetching = new Map<Cid, Promise<void>>();
  #arrivingBytes = 0;

  private constructor(options: ObjectCacheOptions) {
    this.#options = options;
    this.maxBytes = options.maxBytes;
  }

  static async open(options: ObjectCacheOptions): Promise<ObjectCache> {
    await rm(join(options.folder, "incoming"), { recursive: true, force: true });
    await mkdir(join(options.folder, "incoming"), { recursive: true });
    await mkdir(join(options.folder, "objects"), { recursive: true });
    return new ObjectCache(options);
  }

  /**
   * The object's file, fetched unless it is there.
   * @throws AppError `node/object-mismatch`, `node/object-too-large`, and what the download throws.
   */
  async fetch(object: { readonly cid: Cid; readonly sizeBytes: number }, signal: AbortSignal): Promise<CachedObject> {
    const { cid, sizeBytes } = object;
    if (sizeBytes > this.maxBytes) {
      throw new AppError(NODE_ERRORS.OBJECT_TOO_LARGE, { cid, sizeBytes, maxBytes: this.maxBytes });
    }
    const held = this.#hold(cid);
    try {
      await this.#inTurn(cid, async () => {
        if (await this.#has(cid, sizeBytes)) return;
        await this.#options.attempt(() => this.#download(cid, sizeBytes, signal), signal);
      });
      const now = new Date(this.#options.clock.now());
      await utimes(held.path, now, now);
      return held;
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  async #inTurn(cid: Cid, task: () => Promise<void>): Promise<void> {
    const turn = (this.#fetching.get(cid) ?? Promise.resolve()).then(task);
    const settled = turn.catch(() => undefined);
    this.#fetching.set(cid, settled);
    try {
      await turn;
    } finally {
      if (this.#fetching.get(cid) === settled) this.#fetching.delete(cid);
    }
  }

  async #download(cid: Cid, sizeBytes: number, signal: AbortSignal): Promise<void> {
    this.#arrivingBytes += sizeBytes;
    const incoming = join(this.#options.folder, "incoming", randomUUID());
    try {
      await this.#makeRoom();
      const found = await writeHashed(incoming, bounded(this.#options.download(cid, signal), { cid, sizeBytes }));
      if (found.cid !== cid || found.sizeBytes !== sizeBytes) {
        const context = { cid, found: found.cid, sizeBytes: found.sizeBytes, expectedBytes: sizeBytes };
        throw new AppError(NODE_ERRORS.OBJECT_MISMATCH, context);
      }
      await rename(incoming, this.#path(cid));
    } finally {
      this.#arrivingBytes -= sizeBytes;
      await rm(incoming, { force: true });
    }
  }

  /** Removes what was used longest ago until what arrives fits; what is in use stays. */
  async #makeRoom(): Promise<void> {
    const folder = join(this.#options.folder, "objects");
    const names = await readdir(folder);
    const files = await Promise.all(names.map((name) => cachedFile(folder, name)));
    let total = files.reduce((sum, file) => sum + file.sizeBytes, this.#arrivingBytes);
    for (const file of files.toSorted((a, b) => a.usedAtMs - b.usedAtMs)) {
      if (total <= this.maxBytes) return;
      if (this.#users.has(file.name as Cid)) continue;
      await rm(join(folder, file.name), { force: true });
      total -= file.sizeBytes;
    }
  }

  async #has(cid: Cid, sizeBytes: number): Promise<boolean> {
    const found = await stat(this.#path(cid)).catch(() => undefined);
    return found?.size === sizeBytes;
  }

  #hold(cid: Cid): CachedObject {
    this.#users.set(cid, (this.#users.get(cid) ?? 0) + 1);
    let isHeld = true;
    return {
      path: this.#path(cid),
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        const left = (this.#users.get(cid) ?? 1) - 1;
        if (left > 0) this.#users.set(cid, left);
        else this.#users.delete(cid);
      },
    };
  }

  #path(cid: Cid): string {
    return join(this.#options.folder, "objects", cid);
  }
}

/** Stops a download that is longer than announced before it fills the disk. */
async function* bounded(
  bytes: AsyncIterable<Uint8Array>,
  { cid, sizeBytes }: { cid: Cid; sizeBytes: number },
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const piece of bytes) {
    total += piece.byteLength;
    if (total > sizeBytes) {
      const context = { cid, found: "not computed", sizeBytes: total, expectedBytes: sizeBytes };
      throw new AppError(NODE_ERRORS.OBJECT_MISMATCH, context);
    }
    yield piece;
  }
}

async function writeHashed(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly cid: Cid; readonly sizeBytes: number }> {
  await using file = await open(path, "wx");
  async function* written(): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      // A copy, because the hasher keeps pieces until a leaf is full and the giver may use its buffer again.
      const copy = new Uint8Array(piece);
      for (let at = 0; at < copy.byteLength;) at += (await file.write(copy, at)).bytesWritten;
      yield copy;
    }
  }
  const stored = await unixfsCid(written());
  await file.sync();
  return stored;
}

async function cachedFile(
  folder: string,
  name: string,
): Promise<{ readonly name: string; readonly sizeBytes: number; readonly usedAtMs: number }> {
  const found = await stat(join(folder, name)).catch(() => undefined);
  return { name, sizeBytes: found?.size ?? 0, usedAtMs: found?.mtimeMs ?? 0 };
}
