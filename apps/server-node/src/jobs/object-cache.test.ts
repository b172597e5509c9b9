import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cid } from "@cyxwiz/primitives";
import { VirtualClock } from "@cyxwiz/platform";
import { expect, test } from "vitest";
import { cidOf } from "../../test/sample-assignment.ts";
import { tempFolder } from "../../test/temp-folder.ts";
import { NODE_ERRORS } from "../errors.ts";
import { ObjectCache } from "./object-cache.ts";

const { signal } = new AbortController();

async function setup(
  folder: string,
  maxBytes = 100,
): Promise<{ cache: ObjectCache; store: Map<Cid, string>; downloads: Cid[]; clock: VirtualClock }> {
  const store = new Map<Cid, string>();
  const downloads: Cid[] = [];
  const clock = new VirtualClock();
  const cache = await ObjectCache.open({
    folder,
    maxBytes,
    clock,
    attempt: (download) => download(),
    download: async function* (cid) {
      downloads.push(cid);
      yield Buffer.from(store.get(cid) ?? "");
    },
  });
  return { cache, store, downloads, clock };
}

test("an object is fetched once, checked, and then found", async () => {
  await using folder = await tempFolder();
  const { cache, store, downloads } = await setup(folder.path);
  const object = { cid: await cidOf("hello"), sizeBytes: 5 };
  store.set(object.cid, "hello");
  const both = await Promise.all([cache.fetch(object, signal), cache.fetch(object, signal)]);
  expect(await readFile(both[0].path, "utf8")).toBe("hello");
  expect(downloads).toHaveLength(1);
});

test.each([["hellO"], ["hello and more"], ["hell"]])(
  "[NJ2] wrong bytes (%s) are refused and nothing of them stays",
  async (bytes) => {
    await using folder = await tempFolder();
    const { cache, store } = await setup(folder.path);
    const object = { cid: await cidOf("hello"), sizeBytes: 5 };
    store.set(object.cid, bytes);
    await expect(cache.fetch(object, signal)).rejects.toMatchObject({ code: NODE_ERRORS.OBJECT_MISMATCH.code });
    expect(await readdir(join(folder.path, "incoming"))).toEqual([]);
    expect(await readdir(join(folder.path, "objects"))).toEqual([]);
  },
);

test("an object that can never fit is refused before a byte is fetched", async () => {
  await using folder = await tempFolder();
  const { cache, downloads } = await setup(folder.path, 4);
  await expect(cache.fetch({ cid: await cidOf("hello"), sizeBytes: 5 }, signal)).rejects.toMatchObject({
    code: NODE_ERRORS.OBJECT_TOO_LARGE.code,
  });
  expect(downloads).toEqual([]);
});

test("[NJ3] what was used longest ago makes room; what is in use stays", async () => {
  await using folder = await tempFolder();
  const { cache, store, clock } = await setup(folder.path, 10);
  const names: Record<string, string> = {};
  const use = async (text: string): Promise<Disposable> => {
    const object = { cid: await cidOf(text), sizeBytes: text.length };
    store.set(object.cid, text);
    names[object.cid] = text;
    await clock.advance(1_000);
    return cache.fetch(object, signal);
  };
  const inUse = await use("aaaa");
  (await use("bbbb"))[Symbol.dispose]();
  (await use("cc"))[Symbol.dispose]();
  (await use("bbbb"))[Symbol.dispose]();
  (await use("dd"))[Symbol.dispose]();
  const left = (await readdir(join(folder.path, "objects"))).map((cid) => names[cid]);
  expect(left.toSorted()).toEqual(["aaaa", "bbbb", "dd"]);
  inUse[Symbol.dispose]();
});

test("what a crash left half-fetched is removed at the next start", async () => {
  await using folder = await tempFolder();
  await setup(folder.path);
  await writeFile(join(folder.path, "incoming", "left"), "half");
  await setup(folder.path);
  expect(await readdir(join(folder.path, "incoming"))).toEqual([]);
});
