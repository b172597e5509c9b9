/** An object store in memory, for tests and small tools: the same promises as the one on disk, but nothing survives. */
import { AppError, type Cid } from "@cyxwiz/primitives";
import { CYXCLOUD_ERRORS } from "../errors.ts";
import { MEMORY_STORE_BYTES, READ_PIECE_BYTES } from "../limits.ts";
import { bounded, checkedRange } from "./bounded-bytes.ts";
import type { ByteRange, ObjectStore, StoredObject } from "./object-store.ts";
import { unixfsCid } from "./unixfs-cid.ts";

export class MemoryObjectStore implements ObjectStore {
  readonly #objects = new Map<Cid, Uint8Array>();
  readonly #capacityBytes: number;
  #usedBytes = 0;

  constructor(capacityBytes: number = MEMORY_STORE_BYTES) {
    this.#capacityBytes = capacityBytes;
  }

  async put(
    bytes: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; signal?: AbortSignal },
  ): Promise<StoredObject> {
    const pieces: Uint8Array[] = [];
    const stored = await unixfsCid(this.#collected(bounded(bytes, options), pieces));
    const known = this.#objects.get(stored.cid);
    if (!known) {
      this.#objects.set(stored.cid, Buffer.concat(pieces));
      this.#usedBytes += stored.sizeBytes;
    }
    return stored;
  }

  async get(cid: Cid, options: { range?: ByteRange; signal?: AbortSignal } = {}): Promise<AsyncIterable<Uint8Array>> {
    const object = this.#objects.get(cid);
    if (!object) throw new AppError(CYXCLOUD_ERRORS.OBJECT_NOT_FOUND, { cid });
    const { start, end } = checkedRange(options.range, object.byteLength);
    return piecesOf(object.subarray(start, end), options.signal);
  }

  async stat(cid: Cid): Promise<StoredObject | undefined> {
    const object = this.#objects.get(cid);
    return object && { cid, sizeBytes: object.byteLength };
  }

  async delete(cid: Cid): Promise<void> {
    this.#usedBytes -= this.#objects.get(cid)?.byteLength ?? 0;
    this.#objects.delete(cid);
  }

  /** Keeps a copy of what passes: the giver may use its buffer again. */
  async *#collected(bytes: AsyncIterable<Uint8Array>, pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
    let total = this.#usedBytes;
    for await (const piece of bytes) {
      total += piece.byteLength;
      if (total > this.#capacityBytes) throw new AppError(CYXCLOUD_ERRORS.STORE_FULL, { where: "memory" });
      const copy = new Uint8Array(piece);
      pieces.push(copy);
      yield copy;
    }
  }
}

async function* piecesOf(bytes: Uint8Array, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += READ_PIECE_BYTES) {
    signal?.throwIfAborted();
    yield bytes.slice(at, at + READ_PIECE_BYTES);
  }
}
