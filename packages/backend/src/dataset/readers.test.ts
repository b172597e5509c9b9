import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { parseCsv } from "./csv.ts";
import { loadData, parseDataSpec } from "./data-spec.ts";
import { readDigits } from "./digits.ts";
import { parseIdx } from "./idx.ts";
import { readSourceFile } from "./source-file.ts";
import { splitRows } from "./split.ts";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "readers-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function idx(shape: readonly number[], bytes: readonly number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((extent, axis) => header.writeUInt32BE(extent, 4 + 4 * axis));
  return Buffer.concat([header, Buffer.from(bytes)]);
}

const CLASSIFY = { label: "kind", task: "classify", ignore: [] } as const;

test("the digits are 8,000 and 2,000 with every class in proportion, the same each time", async () => {
  const { description, train, test: held } = await readDigits();
  expect(description).toMatchObject({ trainSamples: 8000, testSamples: 2000, sampleShape: [1, 28, 28], classes: 10 });
  const perClass = (y: BigInt64Array | Float32Array): number[] => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const label of y) counts[Number(label)] = (counts[Number(label)] ?? 0) + 1;
    return counts;
  };
  const ratios = perClass(held.y).map((count, digit) => count / (perClass(train.y)[digit] ?? 0));
  for (const ratio of ratios) expect(ratio).toBeCloseTo(0.25, 2);
  expect(held.y.slice(0, 8).join()).toBe("4,3,6,8,6,5,3,3");
  expect(train.x.includes(255)).toBe(true);
});

test("a split takes a fifth of the rows, none twice", () => {
  const { train, test: held } = splitRows(new Float32Array(11), 11);
  expect([train.length, held.length]).toEqual([9, 2]);
  expect(new Set([...train, ...held]).size).toBe(11);
});

test("images and labels in IDX, plain or gzipped, become samples with a channel", async () => {
  const folder = await temporaryFolder();
  const [images, labels] = [join(folder, "images.gz"), join(folder, "labels")];
  await writeFile(
    images,
    gzipSync(
      idx(
        [5, 2, 2],
        Array.from({ length: 20 }, (_, i) => i),
      ),
    ),
  );
  await writeFile(labels, idx([5], [0, 1, 2, 1, 0]));
  const dataset = await loadData(parseDataSpec(`idx:${images},${labels}`));
  expect(dataset.description).toMatchObject({ trainSamples: 4, testSamples: 1, sampleShape: [1, 2, 2], classes: 3 });
  const both = await loadData(parseDataSpec(`idx:${images},${labels},${images},${labels}`));
  expect(both.description).toMatchObject({ trainSamples: 5, testSamples: 5 });
  expect([...both.test.x]).toEqual([...both.train.x]);
});

test.each([
  ["not zero bytes first", Buffer.from([1, 0, 8, 1])],
  ["floats", Buffer.from([0, 0, 13, 1, 0, 0, 0, 0])],
  ["a header that is cut off", Buffer.from([0, 0, 8, 3, 0, 0])],
  ["too few values", idx([2, 2], [1, 2, 3])],
  ["a broken archive", Buffer.from([0x1f, 0x8b, 8, 0])],
])("an IDX file with %s is refused", async (_name, bytes) => {
  await expect(parseIdx(bytes, "it")).rejects.toMatchObject({ code: "backend/idx-malformed" });
});

test("images and labels that do not belong together are refused", async () => {
  const folder = await temporaryFolder();
  const paths = ["images", "labels", "wide", "flat"].map((name) => join(folder, name));
  const [images, labels, wide, flat] = paths as [string, string, string, string];
  await writeFile(images, idx([2, 1, 1], [1, 2]));
  await writeFile(labels, idx([3], [0, 1, 0]));
  await writeFile(wide, idx([2, 1, 2], [1, 2, 3, 4]));
  await writeFile(flat, idx([2], [0, 1]));
  for (const spec of [`${images},${labels}`, `${flat},${flat}`, `${images},${flat},${wide},${flat}`]) {
    await expect(loadData(parseDataSpec(`idx:${spec}`))).rejects.toMatchObject({ code: "backend/idx-malformed" });
  }
});

test("a table is standardised with its training rows, and its labels are sorted into classes", () => {
  const rows = Array.from({ length: 50 }, (_, i) => `${i},7,${i % 2 ? "10" : "9"}`);
  const { description, train, test: held } = parseCsv(`\uFEFFsize,same,kind\r\n${rows.join("\r\n")}\r\n`, CLASSIFY);
  expect(description).toMatchObject({ trainSamples: 40, testSamples: 10, sampleShape: [2], classNames: ["9", "10"] });
  const sizes = [...train.x].filter((_, i) => i % 2 === 0);
  expect(sizes.reduce((sum, size) => sum + size, 0) / 40).toBeCloseTo(0, 5);
  expect(sizes.reduce((sum, size) => sum + size ** 2, 0) / 40).toBeCloseTo(1, 5);
  expect([...train.x].filter((_, i) => i % 2 === 1).every((value) => value === 0)).toBe(true);
  expect(Array.from<bigint | number>(held.y).filter((label) => label === 0n).length).toBe(5);
});

test("a table for regression keeps its targets, and columns can be left out", () => {
  const dataset = parseCsv("id,a,price\nx,1,10\ny,2,20\nz,3,30\n", { label: "price", task: "regress", ignore: ["id"] });
  expect(dataset.description).toMatchObject({
    trainSamples: 2,
    testSamples: 1,
    sampleShape: [1],
    classes: 0,
    targetShape: [1],
  });
  expect([...dataset.train.y, ...dataset.test.y].map(Number).toSorted((a, b) => a - b)).toEqual([10, 20, 30]);
});

test.each([
  ["a field that is no number", 'a,kind\n1,x\n"2\n3",y\n3,x', 3, "a", "not a number"],
  ["an error after a field of two lines", 'a,kind\n1,"x\ny"\nb,y', 4, "a", '"b" is not a number'],
  ["an empty field", "a,kind\n1,x\n,y", 3, "a", "empty"],
  ["an empty label", "a,kind\n1,x\n2,", 3, "kind", "label is empty"],
  ["a row that is too short", "a,b,kind\n1,2,x\n\n3,4", 4, "b", "2 fields"],
  ["no such column", "a,b\n1,2\n3,4", 1, "kind", "no such column"],
  ["a name twice", "kind,a,kind\n1,2,3\n3,4,5", 1, "kind", "two columns"],
  ["one class", "a,kind\n1,x\n2,x", 1, "kind", "1 different labels"],
  ["no rows", "a,kind\n", 1, "kind", "at least two rows"],
  ["nothing to learn from", "kind\nx\ny", 1, "kind", "no other column"],
  ["an open quote", 'a,kind\n1,x\n2,"y', 3, "", "uote"],
])("a table with %s is refused with line and column", (_name, text, line, column, problem) => {
  expect(() => parseCsv(text, CLASSIFY)).toThrow(
    expect.objectContaining({
      code: "backend/csv-invalid",
      context: { line, column, problem: expect.stringContaining(problem) as string },
    }),
  );
});

test("a data spec is read, with its options", () => {
  expect(parseDataSpec("mnist")).toEqual({ kind: "mnist" });
  expect(parseDataSpec("csv:a?b.csv?label=y%20z&task=regress&ignore=id,name")).toEqual({
    kind: "csv",
    file: "a?b.csv",
    options: { label: "y z", task: "regress", ignore: ["id", "name"] },
  });
});

test.each([
  "",
  "cifar",
  "idx:",
  "idx:a",
  "idx:a,b,c",
  "idx:a,,c,d",
  "csv:x",
  "csv:?label=a",
  "csv:x?label=a&task=guess",
  "csv:x?label=a&lable=b",
])("the data spec %j is refused", (text) => {
  expect(() => parseDataSpec(text)).toThrow(expect.objectContaining({ code: "backend/data-spec-invalid" }));
});

test("a file that is absent or too large is refused before it is read", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "big"), "12345");
  await expect(readSourceFile(join(folder, "big"), 4)).rejects.toMatchObject({ code: "backend/dataset-too-large" });
  await expect(loadData(parseDataSpec(`csv:${folder}/none?label=a`))).rejects.toMatchObject({
    code: "backend/file-unreadable",
  });
});
