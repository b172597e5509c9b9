/** Which files beside a receipt are the models that it speaks of, by their content. */
import { readdir } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { printable } from "@cyxwiz/primitives";
import type { ReceiptArtifact, ReceiptBody } from "@cyxwiz/receipt";
import { MAX_LISTED_MODELS } from "../limits.ts";
import { findFiles, type WantedFile } from "./find-files.ts";

/** Paths; null where no file in the folder has that content, or the job left no such model. */
export interface ModelFiles {
  readonly onnx: string | null;
  readonly weights: string | null;
  /** Files in the folder itself that are named like a model of the receipt, where none has its content. */
  readonly others: readonly string[];
}

/** Cost: reads only files of the very size. */
export async function findModels({ result }: ReceiptBody, folder: string, signal?: AbortSignal): Promise<ModelFiles> {
  const [onnx, weights] = [wanted("the ONNX file", result.onnx), wanted("the weights", result.weights)];
  const files = [onnx, weights].filter((file) => file !== undefined);
  const found = await findFiles(folder, files, signal);
  const pathOf = (file: WantedFile | undefined): string | null => (file && found.get(file)) ?? null;
  const paths = { onnx: pathOf(onnx), weights: pathOf(weights) };
  const missing = [
    ...(onnx && paths.onnx === null ? [".onnx"] : []),
    ...(weights && paths.weights === null ? [".safetensors"] : []),
  ];
  return { ...paths, others: await filesNamed(missing, folder) };
}

/** One line for each model that the receipt names. */
export function modelLines({ result }: ReceiptBody, files: ModelFiles, folder: string): string[] {
  const line = (name: string, path: string | null): string =>
    `  ${name.padEnd(12)}  ${path === null ? "no file here has this content" : relative(folder, path)}`;
  const lines = [
    ...(result.onnx ? [line("ONNX", files.onnx)] : []),
    ...(result.weights ? [line("weights", files.weights)] : []),
  ];
  return lines.length === 0 ? [] : [`Its files in ${folder}`, ...lines, ...warning(files.others, folder)];
}

/** Who finds a model beside a receipt takes it for the one that was checked. */
function warning(others: readonly string[], folder: string): string[] {
  if (others.length === 0) return [];
  const names = others.slice(0, MAX_LISTED_MODELS).map((path) => printable(relative(folder, path)));
  const more = others.length > names.length ? ` and ${others.length - names.length} more` : "";
  return [`Warning: not what this receipt speaks of: ${names.join(", ")}${more}`];
}

async function filesNamed(endings: readonly string[], folder: string): Promise<readonly string[]> {
  if (endings.length === 0) return [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const named = entries.filter((entry) => !entry.isDirectory() && endings.includes(extname(entry.name).toLowerCase()));
  return named.map(({ name }) => join(folder, name)).toSorted();
}

function wanted(what: string, artifact: ReceiptArtifact | null): WantedFile | undefined {
  if (!artifact) return undefined;
  return { what, content: { kind: "SHA-256", value: artifact.sha256 }, sizeBytes: artifact.size_bytes };
}
