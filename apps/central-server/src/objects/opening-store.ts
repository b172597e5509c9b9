import type { ByteRange, ObjectStore, StoredObject } from "@cyxwiz/cyxcloud";
import type { Cid } from "@cyxwiz/primitives";

/** A store that is still being opened: every call waits for it. Lets routes be wired before the disk is ready. */
export class OpeningObjectStore implements ObjectStore {
  readonly #opening: Promise<ObjectStore>;

  constructor(opening: Promise<ObjectStore>) {
    this.#opening = opening;
    // A failure is thrown by `ready` and by every call; it must not end the process before they come.
    opening.catch(() => undefined);
  }

  /** @throws what opening the store threw. */
  async ready(): Promise<void> {
    await this.#opening;
  }

  async put(
    bytes: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; signal?: AbortSignal },
  ): Promise<StoredObject> {
    return (await this.#opening).put(bytes, options);
  }

  async get(cid: Cid, options?: { range?: ByteRange; signal?: AbortSignal }): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#opening).get(cid, options);
  }

  async stat(cid: Cid): Promise<StoredObject | undefined> {
    return (await this.#opening).stat(cid);
  }

  async delete(cid: Cid): Promise<void> {
    return (await this.#opening).delete(cid);
  }
}
