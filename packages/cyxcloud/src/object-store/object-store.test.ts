import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FileObjectStore } from "./file-object-store.ts";
import { MemoryObjectStore } from "./memory-object-store.ts";
import { objectStoreContract } from "./object-store.contract.ts";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "cyxcloud-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

objectStoreContract("memory", async () => new MemoryObjectStore());
objectStoreContract("file", async () => FileObjectStore.open(await temporaryFolder()));

test("a file store opened again has what was put, and what a crash left half-written is gone", async () => {
  const folder = await temporaryFolder();
  const { cid } = await (await FileObjectStore.open(folder)).put(once(Buffer.from("kept")), { maxBytes: 10 });
  await writeFile(join(folder, "incoming", "7"), "half");
  const again = await FileObjectStore.open(folder);
  expect(await again.stat(cid)).toEqual({ cid, sizeBytes: 4 });
  expect(await readdir(join(folder, "incoming"))).toEqual([]);
});

test("nobody else on the computer may enter a file store", async () => {
  const folder = join(await temporaryFolder(), "store");
  await FileObjectStore.open(folder);
  for (const path of [folder, join(folder, "objects"), join(folder, "incoming")]) {
    expect((await stat(path)).mode & 0o077).toBe(0);
  }
});

test("a refused put leaves no file behind", async () => {
  const folder = await temporaryFolder();
  const store = await FileObjectStore.open(folder);
  await expect(store.put(once(Buffer.from("too long")), { maxBytes: 3 })).rejects.toThrow("larger than the 3 bytes");
  expect(await readdir(join(folder, "incoming"))).toEqual([]);
  expect(await readdir(join(folder, "objects"))).toEqual([]);
});

test("a memory store over its capacity is full, and has room again after a delete", async () => {
  const store = new MemoryObjectStore(6);
  const { cid } = await store.put(once(Buffer.from("12345")), { maxBytes: 10 });
  await expect(store.put(once(Buffer.from("67")), { maxBytes: 10 })).rejects.toMatchObject({
    code: "cyxcloud/store-full",
  });
  await store.delete(cid);
  expect(await store.put(once(Buffer.from("67")), { maxBytes: 10 })).toMatchObject({
    sizeBytes: 2,
  });
});
