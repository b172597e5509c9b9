/**
 * A table in text form as a dataset: one row a sample, one column the label, every other column a number.
 *
 * Features are standardised with the mean and deviation of the training rows alone, so that the test rows stay unseen.
 * Classes are sorted (as numbers where all are whole numbers), so the same table always gives the same class numbers.
 */
import { AppError, defined } from "@cyxwiz/primitives";
import Papa from "papaparse";
import { BACKEND_ERRORS } from "../errors.ts";
import { CSV_BYTES, CSV_CLASSES } from "../limits.ts";
import { type Dataset, selectRows } from "./samples.ts";
import { readSourceFile } from "./source-file.ts";
import { datasetOf, splitRows } from "./split.ts";

export interface CsvOptions {
  /** Name of the label's column in the first line. */
  readonly label: string;
  readonly task: "classify" | "regress";
  /** Columns that are left out. */
  readonly ignore: readonly string[];
}

interface Row {
  /** Line of the file where the row starts, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** @throws AppError `backend/csv-invalid` with line and column, `backend/file-unreadable`, `backend/dataset-too-large`. */
export async function readCsv(path: string, options: CsvOptions): Promise<Dataset> {
  return parseCsv(new TextDecoder().decode(await readSourceFile(path, CSV_BYTES)), options);
}

/** Shapes: sample [features], a class number or target [1]. Cost: the whole table in memory, several times. */
export function parseCsv(text: string, options: CsvOptions): Dataset {
  const [head, ...rows] = parseRows(text);
  if (!head || rows.length < 2) throw invalid(1, options.label, "a line of names and at least two rows are needed");
  const names = head.fields.map((name) => name.trim());
  const label = columnNamed(names, options.label);
  const ignored = new Set(options.ignore.map((name) => columnNamed(names, name)));
  const features = names.map((_, column) => column).filter((column) => column !== label && !ignored.has(column));
  if (features.length === 0) throw invalid(1, options.label, "no other column is left to learn from");
  for (const row of rows) {
    if (row.fields.length !== names.length) {
      throw invalid(
        row.line,
        names.at(Math.min(row.fields.length, names.length) - 1) ?? "",
        `the row has ${row.fields.length} fields, the first line names ${names.length}`,
      );
    }
  }
  const x = new Float32Array(rows.length * features.length);
  rows.forEach((row, i) => {
    features.forEach((column, j) => (x[i * features.length + j] = numberAt(row, column, names)));
  });
  const target = options.task === "regress" ? numbersOf(rows, label, names) : classesOf(rows, label, names);
  const samples = { count: rows.length, x, y: target.y };
  const split = splitRows(samples.y, samples.count);
  const train = selectRows(samples, split.train);
  const test = selectRows(samples, split.test);
  standardise(train.x as Float32Array, test.x as Float32Array, features.length);
  const table = {
    sampleShape: [features.length],
    classNames: target.classNames,
    targetShape: options.task === "regress" ? [1] : [],
    scaling: { scale: 1, offset: 0 },
  };
  return datasetOf(table, train, test);
}

function parseRows(text: string): readonly Row[] {
  const { data, errors } = Papa.parse<string[]>(text.replace(/^\uFEFF/, ""));
  let line = 1;
  const lines = data.map((fields) => {
    const start = line;
    line += 1 + fields.reduce((breaks, field) => breaks + field.split("\n").length - 1, 0);
    return start;
  });
  const error = errors.find((found) => found.code !== "UndetectableDelimiter");
  if (error) throw invalid(lines[error.row ?? 0] ?? 1, "", error.message);
  return data
    .map((fields, i) => ({ line: lines[i] ?? 1, fields }))
    .filter(({ fields }) => fields.some((field) => field.trim() !== ""));
}

function columnNamed(names: readonly string[], name: string): number {
  const column = names.indexOf(name);
  if (column < 0) throw invalid(1, name, `there is no such column; the columns are ${names.join(", ").slice(0, 200)}`);
  if (names.indexOf(name, column + 1) >= 0) throw invalid(1, name, "two columns have this name");
  return column;
}

function numberAt(row: Row, column: number, names: readonly string[]): number {
  const field = defined(row.fields[column], "the field of a checked row").trim();
  const value = field === "" ? Number.NaN : Math.fround(Number(field));
  if (!Number.isFinite(value)) {
    const found = field === "" ? "the field is empty" : `"${field.slice(0, 40)}" is not a number`;
    throw invalid(
      row.line,
      names[column] ?? "",
      `${found}. Fill it, remove the row, or leave the column out with ignore=`,
    );
  }
  return value;
}

interface Target {
  readonly y: BigInt64Array | Float32Array;
  readonly classNames: readonly string[];
}

function numbersOf(rows: readonly Row[], column: number, names: readonly string[]): Target {
  return { y: Float32Array.from(rows, (row) => numberAt(row, column, names)), classNames: [] };
}

function classesOf(rows: readonly Row[], column: number, names: readonly string[]): Target {
  const labels = rows.map((row) => defined(row.fields[column], "the field of a checked row").trim());
  const empty = labels.indexOf("");
  if (empty >= 0) throw invalid(rows[empty]?.line ?? 1, names[column] ?? "", "the label is empty");
  const distinct = [...new Set(labels)];
  if (distinct.length < 2 || distinct.length > CSV_CLASSES) {
    const allowed = `allowed are 2 to ${CSV_CLASSES}; for numbers use task=regress`;
    throw invalid(1, names[column] ?? "", `the column has ${distinct.length} different labels; ${allowed}`);
  }
  const isNumbered = distinct.every((name) => /^-?\d{1,15}$/.test(name));
  const classNames = distinct.toSorted((a, b) => (isNumbered ? Number(a) - Number(b) : a < b ? -1 : 1));
  const numberOf = new Map(classNames.map((name, number) => [name, BigInt(number)]));
  return { y: BigInt64Array.from(labels, (name) => defined(numberOf.get(name), "the number of a class")), classNames };
}

/** (x − mean) / deviation, with the training rows' figures; a column that never changes only loses its mean. */
function standardise(train: Float32Array, test: Float32Array, features: number): void {
  const rows = train.length / features;
  for (let feature = 0; feature < features; feature++) {
    let sum = 0;
    for (let i = feature; i < train.length; i += features) sum += train[i] as number;
    const mean = sum / rows;
    let squares = 0;
    for (let i = feature; i < train.length; i += features) squares += ((train[i] as number) - mean) ** 2;
    const deviation = Math.sqrt(squares / rows) || 1;
    for (const data of [train, test]) {
      for (let i = feature; i < data.length; i += features) data[i] = ((data[i] as number) - mean) / deviation;
    }
  }
}

function invalid(line: number, column: string, problem: string): AppError {
  return new AppError(BACKEND_ERRORS.CSV_INVALID, { line, column, problem });
}
