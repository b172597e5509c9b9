import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { KeyStore } from "./key-store.ts";
import { createIssuer } from "./receipt.fixture.ts";

interface Setup extends AsyncDisposable {
  readonly home: string;
  readonly store: KeyStore;
}

async function setup(): Promise<Setup> {
  const parent = await mkdtemp(join(tmpdir(), "cyxwiz-keys-"));
  const home = join(parent, "home");
  return { home, store: new KeyStore(home), [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }) };
}

test("keys of several markets are remembered, each once", async () => {
  await using given = await setup();
  const [a, b] = [createIssuer("ledger-a"), createIssuer("ledger-b")];
  expect(await given.store.load()).toEqual([]);
  expect(await given.store.remember(a.keys, "here")).toEqual(a.keys.keys);
  expect(await given.store.remember(b.keys, "here")).toEqual(b.keys.keys);
  expect(await given.store.remember(a.keys, "there")).toEqual([]);
  expect(await given.store.load()).toEqual([...a.keys.keys, ...b.keys.keys]);
});

test("a new key joins a known one of its network, and is refused alone", async () => {
  await using given = await setup();
  const [old, fresh] = [createIssuer(), createIssuer()];
  await given.store.remember(old.keys, "here");
  await expect(given.store.remember(fresh.keys, "http://elsewhere")).rejects.toMatchObject({
    code: "cli/key-conflict",
    message: expect.stringContaining("cyxwiz receipt trust http://elsewhere --replace"),
  });
  const both = { ...old.keys, keys: [...old.keys.keys, ...fresh.keys.keys] };
  expect(await given.store.remember(both, "here")).toEqual(fresh.keys.keys);
  expect(await given.store.remember(fresh.keys, "here")).toEqual([]);
});

test("replacing forgets a network's other keys and no other network's", async () => {
  await using given = await setup();
  const [a, b, c] = [createIssuer("ledger-a"), createIssuer("ledger-b"), createIssuer("ledger-a")];
  await given.store.remember(a.keys, "here");
  await given.store.remember(b.keys, "here");
  await given.store.remember(c.keys, "here", { replace: true });
  expect(await given.store.load()).toEqual([...b.keys.keys, ...c.keys.keys]);
});

test.skipIf(process.platform === "win32")("only its owner can write the keys, and nothing else is left", async () => {
  await using given = await setup();
  await given.store.remember(createIssuer().keys, "here");
  expect((await stat(given.store.path)).mode & 0o777).toBe(0o600);
  expect(await readdir(given.home)).toEqual(["keys.json"]);
});

test.each(["", "{", '{"keys": [{"key_id": 5}]}'])("a damaged file (%j) is named and not written over", async (text) => {
  await using given = await setup();
  const { keys } = createIssuer();
  await given.store.remember(keys, "here");
  await writeFile(given.store.path, text);
  await expect(given.store.load()).rejects.toMatchObject({ code: "cli/keys-unreadable" });
  await expect(given.store.remember(keys, "here")).rejects.toMatchObject({ code: "cli/keys-unreadable" });
});
