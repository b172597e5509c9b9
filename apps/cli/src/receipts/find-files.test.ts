import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { MAX_SEARCH_DEPTH } from "../limits.ts";
import { findFiles, type WantedFile } from "./find-files.ts";

interface Folder extends AsyncDisposable {
  readonly path: string;
}

async function folderWith(files: Readonly<Record<string, string>>): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "cyxwiz-find-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const bySum = (text: string, sizeBytes?: number): WantedFile => ({
  what: text,
  content: { kind: "SHA-256", value: createHash("sha256").update(text).digest("hex") },
  ...(sizeBytes !== undefined && { sizeBytes }),
});
// The published CID of these bytes as one raw leaf.
const HELLO: WantedFile = {
  what: "hello",
  content: { kind: "CID", value: "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e" },
};

test("files are found by SHA-256 and by CID, whatever they are called and in folders below", async () => {
  await using folder = await folderWith({ x: "one", "job/y": "hello world", "job/deep/z": "two" });
  const [one, two] = [bySum("one"), bySum("two", 3)];
  const found = await findFiles(folder.path, [one, HELLO, two]);
  expect([one, HELLO, two].map((file) => found.get(file))).toEqual(
    ["x", "job/y", "job/deep/z"].map((name) => join(folder.path, name)),
  );
});

test("what is not there is not found: another content, another size, too deep, behind a link, no folder", async () => {
  const deep = `${"d/".repeat(MAX_SEARCH_DEPTH + 1)}file`;
  await using folder = await folderWith({ x: "one", [deep]: "two" });
  await using outside = await folderWith({ secret: "three" });
  await symlink(join(outside.path, "secret"), join(folder.path, "link"));
  const wanted = [bySum("One"), bySum("one", 4), bySum("two"), bySum("three")];
  expect((await findFiles(folder.path, wanted)).size).toBe(0);
  expect((await findFiles(join(folder.path, "absent"), wanted)).size).toBe(0);
});

test("a search ends with its signal", async () => {
  await using folder = await folderWith({ x: "one" });
  const signal = AbortSignal.abort(new Error("called off"));
  await expect(findFiles(folder.path, [bySum("two")], signal)).rejects.toThrow("called off");
});
