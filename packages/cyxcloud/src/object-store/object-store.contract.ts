import { AppError, type Cid, parseCid } from "@cyxwiz/primitives";
import { describe, expect, test } from "vitest";
import type { ObjectStore } from "./object-store.ts";

const MAX_BYTES: number = 8 * 1024 * 1024;
const ABSENT: Cid = parseCid("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");

async function* pieces(...list: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of list) yield piece;
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

async function read(store: ObjectStore, cid: Cid, range?: { start: number; end: number }): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(await store.get(cid, range ? { range } : {})));
}

/** What every object store promises. `setup` gives an empty one. */
export function objectStoreContract(name: string, setup: () => Promise<ObjectStore>): void {
  describe(`object store contract: ${name}`, () => {
    test("what was put comes back, under the id of its content", async () => {
      const store = await setup();
      const stored = await store.put(pieces(text("hello "), text("world")), {
        maxBytes: MAX_BYTES,
      });
      expect(stored).toEqual({
        cid: "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        sizeBytes: 11,
      });
      expect(await store.stat(stored.cid)).toEqual(stored);
      expect(await read(store, stored.cid)).toEqual(Buffer.from("hello world"));
    });

    test("an object of several leaves comes back whole and in ranges", async () => {
      const store = await setup();
      const bytes = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * 7919) >>> 8);
      const stored = await store.put(pieces(bytes.subarray(0, 999_983), bytes.subarray(999_983)), {
        maxBytes: MAX_BYTES,
      });
      expect(stored.cid).toMatch(/^bafybei/);
      expect(Buffer.compare(await read(store, stored.cid), bytes)).toBe(0);
      const range = { start: 1_048_570, end: 1_400_001 };
      expect(Buffer.compare(await read(store, stored.cid, range), bytes.subarray(range.start, range.end))).toBe(0);
      expect((await read(store, stored.cid, { start: 5, end: 5 })).byteLength).toBe(0);
    });

    test("the giver may use its buffer again", async () => {
      const store = await setup();
      async function* reused(): AsyncGenerator<Uint8Array> {
        const buffer = new Uint8Array(3);
        for (const value of [1, 2]) yield buffer.fill(value);
      }
      const stored = await store.put(reused(), { maxBytes: MAX_BYTES });
      expect([...(await read(store, stored.cid))]).toEqual([1, 1, 1, 2, 2, 2]);
    });

    test("the same bytes in other pieces are the same object", async () => {
      const store = await setup();
      const first = await store.put(pieces(text("abc")), { maxBytes: MAX_BYTES });
      const second = await store.put(pieces(text("a"), text(""), text("bc")), {
        maxBytes: MAX_BYTES,
      });
      expect(second).toEqual(first);
      expect(await read(store, first.cid)).toEqual(Buffer.from("abc"));
    });

    test("an object without bytes is an object", async () => {
      const store = await setup();
      const stored = await store.put(pieces(), { maxBytes: MAX_BYTES });
      expect(stored).toEqual({ cid: ABSENT, sizeBytes: 0 });
      expect((await read(store, stored.cid)).byteLength).toBe(0);
    });

    test("an object over its limit is refused and nothing is kept", async () => {
      const store = await setup();
      const put = store.put(pieces(text("hello "), text("world")), { maxBytes: 10 });
      await expect(put).rejects.toMatchObject({
        code: "cyxcloud/object-too-large",
        context: { maxBytes: 10 },
      });
      expect(await store.stat(parseCid("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"))).toBeUndefined();
    });

    test("a stream that fails or is aborted keeps nothing and passes its reason on", async () => {
      const store = await setup();
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield text("");
        throw new TypeError("wire cut");
      }
      await expect(store.put(broken(), { maxBytes: MAX_BYTES })).rejects.toThrow("wire cut");
      const aborted = store.put(pieces(), { maxBytes: MAX_BYTES, signal: AbortSignal.abort() });
      await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
      expect(await store.stat(ABSENT)).toBeUndefined();
    });

    test("an absent object and a range that does not fit are refused by name", async () => {
      const store = await setup();
      await expect(store.get(ABSENT)).rejects.toMatchObject({ code: "cyxcloud/object-not-found" });
      const { cid } = await store.put(pieces(text("abc")), { maxBytes: MAX_BYTES });
      for (const range of [
        { start: 0, end: 4 },
        { start: 2, end: 1 },
        { start: -1, end: 1 },
        { start: 0.5, end: 1 },
      ]) {
        await expect(store.get(cid, { range })).rejects.toSatisfy(
          (error) => error instanceof AppError && error.code === "cyxcloud/range-invalid",
        );
      }
    });

    test("a read stops when its signal aborts", async () => {
      const store = await setup();
      const { cid } = await store.put(pieces(new Uint8Array(600_000)), { maxBytes: MAX_BYTES });
      const controller = new AbortController();
      const reading = (async () => {
        for await (const piece of await store.get(cid, { signal: controller.signal })) {
          expect(piece.byteLength).toBeGreaterThan(0);
          controller.abort();
        }
      })();
      await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    });

    test("a deleted object is gone, and deleting twice is no error", async () => {
      const store = await setup();
      const { cid } = await store.put(pieces(text("abc")), { maxBytes: MAX_BYTES });
      await store.delete(cid);
      await store.delete(cid);
      expect(await store.stat(cid)).toBeUndefined();
    });
  });
}
