/**
 * The object store port: bytes in, a content id out, the same bytes back.
 *
 * Content addressed: putting the same bytes twice is the same object. What `put` answered is on disk.
 */
import type { Cid } from "@cyxwiz/primitives";

export interface StoredObject {
  readonly cid: Cid;
  readonly sizeBytes: number;
}

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface ObjectStore {
  /**
   * Stores a stream of bytes under the UnixFS CID of its content.
   * @throws AppError `cyxcloud/object-too-large` past `maxBytes`; nothing is kept then, nor when the stream fails.
   */
  put(bytes: AsyncIterable<Uint8Array>, options: { maxBytes: number; signal?: AbortSignal }): Promise<StoredObject>;
  /** @throws AppError `cyxcloud/object-not-found`, `cyxcloud/range-invalid`. */
  get(cid: Cid, options?: { range?: ByteRange; signal?: AbortSignal }): Promise<AsyncIterable<Uint8Array>>;
  stat(cid: Cid): Promise<StoredObject | undefined>;
  delete(cid: Cid): Promise<void>;
}
