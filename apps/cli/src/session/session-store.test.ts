import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SessionStore, type SavedSession } from "./session-store.ts";

const session: SavedSession = {
  url: "http://127.0.0.1:8080",
  token: "a token",
  user: { id: "1", email: "ada@example.org", username: "ada" },
};

interface Setup extends AsyncDisposable {
  readonly home: string;
  readonly path: string;
  readonly store: SessionStore;
}

async function setup(): Promise<Setup> {
  const parent = await mkdtemp(join(tmpdir(), "cyxwiz-session-"));
  const home = join(parent, "home");
  const path = join(home, "session.json");
  const store = new SessionStore(home);
  return { home, path, store, [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }) };
}

test("a session comes back as it was saved, and is gone once cleared", async () => {
  await using given = await setup();
  expect(await given.store.load()).toBeUndefined();
  await given.store.save(session);
  expect(await given.store.load()).toEqual(session);
  await given.store.clear();
  expect(await given.store.load()).toBeUndefined();
  await given.store.clear();
});

test.skipIf(process.platform === "win32")("only its owner can read the session, and nothing else is left", async () => {
  await using given = await setup();
  await given.store.save(session);
  const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
  expect(await mode(given.path)).toBe(0o600);
  expect(await mode(given.home)).toBe(0o700);
  await chmod(given.path, 0o644);
  await given.store.save({ ...session, token: "another" });
  expect(await mode(given.path)).toBe(0o600);
  expect(await readdir(given.home)).toEqual(["session.json"]);
});

test.each([
  ["nothing at all", ""],
  ["half a file", '{"url": "http://127.0.0.1:8080", "tok'],
  ["another shape", '{"token": 5}'],
  ["not even text", "\u0000\u0001\uFFFD"],
])("a session file that holds %s counts as not signed in, and the next login replaces it", async (_what, text) => {
  await using given = await setup();
  await given.store.save(session);
  await writeFile(given.path, text);
  expect(await given.store.load()).toBeUndefined();
  await given.store.save(session);
  expect(JSON.parse(await readFile(given.path, "utf8"))).toEqual(session);
});
