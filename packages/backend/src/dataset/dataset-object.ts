/**
 * A dataset object: one safetensors file that holds everything a job trains and is measured on.
 *
 * Tensors: `train.x`, `test.x` (U8 or F32, [N, ...sample]), `train.y`, `test.y` (I64 [N] for classes, else F32
 * [N, ...target]). Metadata, all strings: `format` "cyxwiz-dataset", `version` "1", `classes` a JSON array of names
 * (`[]` for numbers), `scale` and `offset` with x = byte · scale + offset. A file that a stranger made is read with the
 * same care as any other input: every size, label and value is checked before the first step.
 */
import { AppError } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { DATASET_BYTES, DATASET_CLASSES } from "../limits.ts";
import { SafetensorsFile, type Tensor, type WrittenFile, writeSafetensors } from "../safetensors/safetensors-file.ts";
import type { SafetensorsHeader, TensorPlace } from "../safetensors/safetensors-header.ts";
import { type Dataset, type DatasetDescription, elements, type Samples } from "./samples.ts";
import { firstLabelOutside, firstNotFinite } from "./value-check.ts";

const FORMAT = "cyxwiz-dataset";
const VERSION = "1";
const TENSORS = ["train.x", "train.y", "test.x", "test.y"] as const;

/**
 * What the dataset is, from its header alone. Cost: reads the header only; values are not looked at.
 * @throws AppError `backend/dataset-malformed`, `backend/dataset-too-large`, `backend/safetensors-malformed`.
 */
export async function describeDataset(path: string): Promise<DatasetDescription> {
  await using file = await SafetensorsFile.open(path);
  return describeHeader(file.header);
}

/**
 * Reads and checks the whole dataset.
 * @throws AppError as `describeDataset`, and `backend/data-not-finite`, `backend/label-out-of-range` with the row.
 */
export async function readDataset(path: string): Promise<Dataset> {
  await using file = await SafetensorsFile.open(path);
  const description = describeHeader(file.header);
  const train = await readSamples(file, "train", description.trainSamples);
  const test = await readSamples(file, "test", description.testSamples);
  for (const [name, samples] of [
    ["train", train],
    ["test", test],
  ] as const)
    checkValues(name, samples, description);
  return { description, train, test };
}

/** Writes a dataset object. The values are the caller's own and are checked when the object is read. */
export async function writeDataset(path: string, dataset: Dataset): Promise<WrittenFile> {
  const { sampleShape, targetShape, classNames, scaling } = dataset.description;
  const tensors = new Map<string, Tensor>();
  for (const part of ["train", "test"] as const) {
    const { count, x, y } = dataset[part];
    tensors.set(`${part}.x`, { shape: [count, ...sampleShape], data: x });
    tensors.set(`${part}.y`, { shape: [count, ...targetShape], data: y });
  }
  return writeSafetensors(path, tensors, {
    format: FORMAT,
    version: VERSION,
    classes: JSON.stringify(classNames),
    scale: String(scaling.scale),
    offset: String(scaling.offset),
  });
}

function describeHeader({ tensors, metadata }: SafetensorsHeader): DatasetDescription {
  if (metadata["format"] !== FORMAT || metadata["version"] !== VERSION) {
    throw malformed(`its metadata must say format "${FORMAT}", version "${VERSION}"`);
  }
  const [trainX, trainY, testX, testY] = TENSORS.map((name) => placeOf(tensors, name)) as [
    TensorPlace,
    TensorPlace,
    TensorPlace,
    TensorPlace,
  ];
  if (tensors.size !== TENSORS.length)
    throw malformed(`it has ${tensors.size} tensors, expected ${TENSORS.join(", ")}`);
  const sizeBytes = Math.max(...[...tensors.values()].map((place) => place.end));
  if (sizeBytes > DATASET_BYTES) {
    throw new AppError(BACKEND_ERRORS.DATASET_TOO_LARGE, { what: "the dataset", sizeBytes, maxBytes: DATASET_BYTES });
  }
  const classNames = readClassNames(metadata["classes"]);
  checkPair("train", trainX, trainY, classNames.length);
  checkPair("test", testX, testY, classNames.length);
  if (!sameRows(trainX, testX) || !sameRows(trainY, testY))
    throw malformed("train and test differ in dtype or in the shape of one sample");
  return {
    trainSamples: trainX.shape[0] as number,
    testSamples: testX.shape[0] as number,
    sampleShape: trainX.shape.slice(1),
    classes: classNames.length,
    classNames,
    targetShape: trainY.shape.slice(1),
    scaling: { scale: readNumber(metadata, "scale"), offset: readNumber(metadata, "offset") },
  };
}

function checkPair(part: string, x: TensorPlace, y: TensorPlace, classes: number): void {
  if (x.dtype !== "U8" && x.dtype !== "F32") throw malformed(`${part}.x is ${x.dtype}; U8 and F32 are allowed`);
  const labels = classes > 0 ? "I64" : "F32";
  if (y.dtype !== labels) throw malformed(`${part}.y is ${y.dtype}; ${labels} is needed for ${classes} classes`);
  if (classes > 0 && y.shape.length !== 1)
    throw malformed(`${part}.y has shape [${y.shape.join(", ")}]; classes need [N]`);
  if (x.shape.length < 2 || elements(x.shape.slice(1)) === 0)
    throw malformed(`${part}.x has shape [${x.shape.join(", ")}]; [N, …] is needed`);
  if (!x.shape[0] || x.shape[0] !== y.shape[0])
    throw malformed(`${part}.x has ${x.shape[0]} rows and ${part}.y ${y.shape[0]}; both need the same, at least 1`);
}

function readClassNames(text: string | undefined): readonly string[] {
  let names: unknown;
  try {
    names = JSON.parse(text ?? "");
  } catch (error) {
    throw malformed("metadata `classes` is not a JSON array of names", error);
  }
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) {
    throw malformed("metadata `classes` is not a JSON array of names");
  }
  if (names.length === 1 || names.length > DATASET_CLASSES) {
    throw malformed(`it has ${names.length} classes; allowed are none, or 2 to ${DATASET_CLASSES}`);
  }
  return names;
}

async function readSamples(file: SafetensorsFile, part: string, count: number): Promise<Samples> {
  const x = await file.read(`${part}.x`);
  const y = await file.read(`${part}.y`);
  return { count, x: x.data as Samples["x"], y: y.data as Samples["y"] };
}

function checkValues(part: string, samples: Samples, description: DatasetDescription): void {
  for (const [name, data] of [
    ["x", samples.x],
    ["y", samples.y],
  ] as const) {
    const bad = data instanceof Float32Array ? firstNotFinite(data) : -1;
    if (bad < 0) continue;
    const row = Math.floor(bad / (data.length / samples.count));
    throw new AppError(BACKEND_ERRORS.DATA_NOT_FINITE, { tensor: `${part}.${name}`, row, value: String(data[bad]) });
  }
  if (!(samples.y instanceof BigInt64Array)) return;
  const row = firstLabelOutside(samples.y, description.classes);
  if (row >= 0) {
    const context = { tensor: `${part}.y`, row, label: String(samples.y[row]), classes: description.classes };
    throw new AppError(BACKEND_ERRORS.LABEL_OUT_OF_RANGE, context);
  }
}

function placeOf(tensors: ReadonlyMap<string, TensorPlace>, name: string): TensorPlace {
  const place = tensors.get(name);
  if (!place) throw malformed(`it has no tensor ${name}`);
  return place;
}

function sameRows(a: TensorPlace, b: TensorPlace): boolean {
  return a.dtype === b.dtype && a.shape.slice(1).join() === b.shape.slice(1).join();
}

function readNumber(metadata: Readonly<Record<string, string>>, name: string): number {
  const value = Number(metadata[name] || Number.NaN);
  if (!Number.isFinite(value)) throw malformed(`metadata \`${name}\` is not a number`);
  return value;
}

function malformed(problem: string, cause?: unknown): AppError {
  return new AppError(BACKEND_ERRORS.DATASET_MALFORMED, { problem }, { cause });
}
