/** How a person names data on the command line, and the dataset behind the name. */
import { AppError, unreachable } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { type CsvOptions, readCsv } from "./csv.ts";
import { readDigits } from "./digits.ts";
import { readIdxPair } from "./idx.ts";
import type { Dataset } from "./samples.ts";
import { datasetOf, splitTable } from "./split.ts";

/** Two files of one kind: images and their labels. */
export interface IdxFiles {
  readonly images: string;
  readonly labels: string;
}

export type DataSpec =
  | { readonly kind: "mnist" }
  | { readonly kind: "idx"; readonly train: IdxFiles; readonly test?: IdxFiles }
  | { readonly kind: "csv"; readonly file: string; readonly options: CsvOptions };

/**
 * `mnist`, `idx:IMAGES,LABELS[,TEST IMAGES,TEST LABELS]` or `csv:FILE?label=COLUMN[&task=regress][&ignore=A,B]`. Pure.
 * @throws AppError `backend/data-spec-invalid`.
 */
export function parseDataSpec(text: string): DataSpec {
  if (text === "mnist") return { kind: "mnist" };
  if (text.startsWith("idx:")) return parseIdxSpec(text);
  if (text.startsWith("csv:")) return parseCsvSpec(text);
  throw invalid(text, "it starts with none of the allowed words");
}

/** Reads the data and, where it has no test samples of its own, sets 20 % aside. Errors of the readers. */
export async function loadData(spec: DataSpec): Promise<Dataset> {
  switch (spec.kind) {
    case "mnist":
      return readDigits();
    case "csv":
      return readCsv(spec.file, spec.options);
    case "idx":
      return loadIdx(spec.train, spec.test);
    default:
      return unreachable(spec);
  }
}

async function loadIdx(trainFiles: IdxFiles, testFiles: IdxFiles | undefined): Promise<Dataset> {
  const train = await readIdxPair(trainFiles.images, trainFiles.labels);
  if (!testFiles) return splitTable(train);
  const test = await readIdxPair(testFiles.images, testFiles.labels);
  const shapes = [train.sampleShape.join(" × "), test.sampleShape.join(" × ")];
  if (shapes[0] !== shapes[1]) {
    const problem = `its images are ${shapes[1]}, those to train on ${shapes[0]}`;
    throw new AppError(BACKEND_ERRORS.IDX_MALFORMED, { where: testFiles.images, problem });
  }
  const classNames = train.classNames.length >= test.classNames.length ? train.classNames : test.classNames;
  return datasetOf({ ...train, classNames }, train.samples, test.samples);
}

function parseIdxSpec(text: string): DataSpec {
  const files = text.slice("idx:".length).split(",");
  const [images, labels, testImages, testLabels] = files;
  if (!images || !labels || files.some((file) => file === "") || (files.length !== 2 && files.length !== 4)) {
    throw invalid(text, "two or four files are needed, separated by commas");
  }
  const train = { images, labels };
  return testImages && testLabels
    ? { kind: "idx", train, test: { images: testImages, labels: testLabels } }
    : { kind: "idx", train };
}

function parseCsvSpec(text: string): DataSpec {
  const mark = text.lastIndexOf("?");
  const file = text.slice("csv:".length, mark < 0 ? undefined : mark);
  const query = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  const unknown = [...query.keys()].find((key) => !["label", "task", "ignore"].includes(key));
  if (unknown !== undefined) throw invalid(text, `"${unknown}" is no setting of a table (label, task, ignore)`);
  const label = query.get("label");
  if (!file || !label) throw invalid(text, "a file and ?label=COLUMN are needed");
  const task = query.get("task") ?? "classify";
  if (task !== "classify" && task !== "regress") throw invalid(text, "task is classify or regress");
  const ignore = (query.get("ignore") ?? "").split(",").filter((name) => name !== "");
  return { kind: "csv", file, options: { label, task, ignore } };
}

function invalid(spec: string, problem: string): AppError {
  return new AppError(BACKEND_ERRORS.DATA_SPEC_INVALID, { spec: spec.slice(0, 200), problem });
}
