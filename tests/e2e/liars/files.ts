/** Checkpoints and models as a liar forges them: in the right form, with other contents. */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { SafetensorsFile, writeSafetensors, type Tensor, type TrainingEvent } from "@cyxwiz/backend";

type CheckpointEvent = Extract<TrainingEvent, { kind: "checkpoint" }>;

/** Tensors and metadata of a file, changed. */
export interface Forgery {
  readonly from: string;
  readonly to: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly number?: (value: number) => number;
}

export async function forge({ from, to, metadata = {}, number = (value) => value }: Forgery): Promise<string> {
  await using file = await SafetensorsFile.open(from);
  const tensors = new Map<string, Tensor>();
  for (const name of file.header.tensors.keys()) {
    const { shape, data } = await file.read(name);
    tensors.set(name, { shape, data: data instanceof Float32Array ? data.map(number) : data });
  }
  await mkdir(dirname(to), { recursive: true });
  return (await writeSafetensors(to, tensors, { ...file.header.metadata, ...metadata })).sha256;
}

/** The same state under another step's number. */
export async function relabel(from: string, to: string, step: number): Promise<CheckpointEvent> {
  return checkpointEvent(to, step, await forge({ from, to, metadata: { step: String(step) } }));
}

export function checkpointEvent(path: string, step: number, sha256: string): CheckpointEvent {
  return { kind: "checkpoint", step, path, sha256, sizeBytes: 0 };
}

/** A copy beside the original, which whoever uploads it removes. */
export async function keep(path: string): Promise<string> {
  const copy = `${path}.kept`;
  await copyFile(path, copy);
  return copy;
}

/** Changes one byte in the middle. */
export async function spoil(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes.writeUInt8((bytes.readUInt8(middle) + 1) % 256, middle);
  await writeFile(path, bytes);
}
