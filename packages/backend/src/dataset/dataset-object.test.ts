import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Tensor, writeSafetensors } from "../safetensors/safetensors-file.ts";
import { BatchSource } from "./batch-source.ts";
import { describeDataset, readDataset, writeDataset } from "./dataset-object.ts";
import type { Dataset } from "./samples.ts";

async function temporaryPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dataset-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "d.safetensors");
}

const METADATA = { format: "cyxwiz-dataset", version: "1", classes: '["no","yes"]', scale: "0.5", offset: "-1" };

function classes(): Map<string, Tensor> {
  return new Map<string, Tensor>([
    ["train.x", { shape: [3, 2], data: Uint8Array.of(0, 1, 2, 3, 4, 5) }],
    ["train.y", { shape: [3], data: BigInt64Array.of(0n, 1n, 1n) }],
    ["test.x", { shape: [1, 2], data: Uint8Array.of(6, 7) }],
    ["test.y", { shape: [1], data: BigInt64Array.of(0n) }],
  ]);
}

function numbers(): Map<string, Tensor> {
  return new Map<string, Tensor>([
    ["train.x", { shape: [2, 2], data: Float32Array.of(0, 1, 2, 3) }],
    ["train.y", { shape: [2, 1], data: Float32Array.of(5, 6) }],
    ["test.x", { shape: [1, 2], data: Float32Array.of(4, 5) }],
    ["test.y", { shape: [1, 1], data: Float32Array.of(7) }],
  ]);
}

async function written(tensors: Map<string, Tensor>, metadata: Record<string, string> = METADATA): Promise<string> {
  const path = await temporaryPath();
  await writeSafetensors(path, tensors, metadata);
  return path;
}

test("a dataset comes back as it was written, and its header alone describes it", async () => {
  const dataset: Dataset = {
    description: {
      trainSamples: 2,
      testSamples: 1,
      sampleShape: [1, 2],
      classes: 2,
      classNames: ["cat", "dog"],
      targetShape: [],
      scaling: { scale: 1 / 255, offset: 0 },
    },
    train: { count: 2, x: Uint8Array.of(0, 1, 2, 255), y: BigInt64Array.of(1n, 0n) },
    test: { count: 1, x: Uint8Array.of(9, 8), y: BigInt64Array.of(1n) },
  };
  const path = await temporaryPath();
  await writeDataset(path, dataset);
  expect(await readDataset(path)).toEqual(dataset);
  expect(await describeDataset(path)).toEqual(dataset.description);
});

test("bytes become scale · byte + offset in a batch, and targets keep their kind", async () => {
  const dataset = await readDataset(await written(classes()));
  const source = new BatchSource(dataset.train, dataset.description.scaling);
  const xs = new Float32Array(4);
  const ys = new BigInt64Array(2);
  source.copyInput(2, xs, 0);
  source.copyInput(0, xs, 1);
  source.copyTarget(2, ys, 0);
  expect([...xs]).toEqual([1, 1.5, -1, -0.5]);
  expect([...ys]).toEqual([1n, 0n]);
});

test("numbers as targets have a shape and no classes", async () => {
  const path = await written(numbers(), { ...METADATA, classes: "[]" });
  expect(await describeDataset(path)).toMatchObject({ classes: 0, targetShape: [1], sampleShape: [2] });
  const dataset = await readDataset(path);
  const ys = new Float32Array(1);
  new BatchSource(dataset.train, dataset.description.scaling).copyTarget(1, ys, 0);
  expect([...ys]).toEqual([6]);
});

test.each([[2n], [-1n]])("label %s of two classes is refused with its row", async (label) => {
  const path = await written(classes().set("train.y", { shape: [3], data: BigInt64Array.of(0n, 1n, label) }));
  await expect(readDataset(path)).rejects.toMatchObject({
    code: "backend/label-out-of-range",
    context: { tensor: "train.y", row: 2, label: String(label), classes: 2 },
  });
});

test.each([
  ["test.x", { shape: [1, 2], data: Float32Array.of(0, Number.NaN) }, 0],
  ["train.x", { shape: [2, 2], data: Float32Array.of(0, 0, Number.POSITIVE_INFINITY, 0) }, 1],
  ["train.y", { shape: [2, 1], data: Float32Array.of(0, Number.NEGATIVE_INFINITY) }, 1],
])("a value in %s that is not finite is refused with its row", async (name, tensor, row) => {
  const path = await written(numbers().set(name, tensor), { ...METADATA, classes: "[]" });
  await expect(readDataset(path)).rejects.toMatchObject({
    code: "backend/data-not-finite",
    context: { tensor: name, row },
  });
});

test.each<[string, Record<string, string>, (tensors: Map<string, Tensor>) => unknown]>([
  ["another version", { version: "2" }, () => undefined],
  ["no scale", { scale: "" }, () => undefined],
  ["a scale that is no number", { scale: "NaN" }, () => undefined],
  ["one class", { classes: '["a"]' }, () => undefined],
  ["classes that are not names", { classes: "[1,2]" }, () => undefined],
  ["classes that are not JSON", { classes: "[" }, () => undefined],
  ["class labels without classes", { classes: "[]" }, () => undefined],
  ["no test images", {}, (t) => t.delete("test.x")],
  ["a tensor too many", {}, (t) => t.set("more", { shape: [1], data: Uint8Array.of(0) })],
  [
    "no rows",
    {},
    (t) =>
      t
        .set("test.x", { shape: [0, 2], data: new Uint8Array(0) })
        .set("test.y", { shape: [0], data: new BigInt64Array(0) }),
  ],
  ["more labels than samples", {}, (t) => t.set("train.y", { shape: [4], data: new BigInt64Array(4) })],
  ["labels of two extents", {}, (t) => t.set("train.y", { shape: [3, 1], data: new BigInt64Array(3) })],
  ["samples without extent", {}, (t) => t.set("train.x", { shape: [3], data: new Uint8Array(3) })],
  ["samples of 64-bit integers", {}, (t) => t.set("train.x", { shape: [3, 2], data: new BigInt64Array(6) })],
  ["test samples of another shape", {}, (t) => t.set("test.x", { shape: [1, 3], data: new Uint8Array(3) })],
])("a dataset with %s is refused", async (_name, metadata, change) => {
  const tensors = classes();
  change(tensors);
  const path = await written(tensors, { ...METADATA, ...metadata });
  await expect(describeDataset(path)).rejects.toMatchObject({ code: "backend/dataset-malformed" });
});
