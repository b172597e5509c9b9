/** Which files beside a receipt are the models that it speaks of, by their content. */
import { relative } from "node:path";
import type { ReceiptArtifact, ReceiptBody } from "@cyxwiz/receipt";
import { findFiles, type WantedFile } from "./find-files.ts";

/** Paths; null where no file in the folder has that content, or the job left no such model. */
export interface ModelFiles {
  readonly onnx: string | null;
  readonly weights: string | null;
}

/** Cost: reads only files of the very size. */
export async function findModels({ result }: ReceiptBody, folder: string, signal?: AbortSignal): Promise<ModelFiles> {
  const [onnx, weights] = [wanted("the ONNX file", result.onnx), wanted("the weights", result.weights)];
  const files = [onnx, weights].filter((file) => file !== undefined);
  const found = await findFiles(folder, files, signal);
  const pathOf = (file: WantedFile | undefined): string | null => (file && found.get(file)) ?? null;
  return { onnx: pathOf(onnx), weights: pathOf(weights) };
}

/** One line for each model that the receipt names. */
export function modelLines({ result }: ReceiptBody, files: ModelFiles, folder: string): string[] {
  const line = (name: string, path: string | null): string =>
    `  ${name.padEnd(12)}  ${path === null ? "no file here has this content" : relative(folder, path)}`;
  const lines = [
    ...(result.onnx ? [line("ONNX", files.onnx)] : []),
    ...(result.weights ? [line("weights", files.weights)] : []),
  ];
  return lines.length === 0 ? [] : [`Its files in ${folder}`, ...lines];
}

function wanted(what: string, artifact: ReceiptArtifact | null): WantedFile | undefined {
  if (!artifact) return undefined;
  return { what, content: { kind: "SHA-256", value: artifact.sha256 }, sizeBytes: artifact.size_bytes };
}
