/**
 * The committed state of a run at one step: a safetensors file with every state tensor.
 *
 * Random state and data cursor are not in it: both follow from seed and step. Metadata says of which run it is, so that a
 * checkpoint cannot be taken for another job's. The bytes are the same for the same run: no time, no path.
 */
import { createHash } from "node:crypto";
import type { CompiledModel } from "@cyxwiz/graph";
import { AppError } from "@cyxwiz/primitives";
import type { StateTensors } from "../driver/training-driver.ts";
import { BACKEND_ERRORS } from "../errors.ts";
import { SafetensorsFile, safetensorsParts, type Tensor } from "../safetensors/safetensors-file.ts";
import type { TrainingJob } from "./training-job.ts";

const FORMAT = "cyxwiz-checkpoint";

/** What ties a checkpoint to its run. The build is recorded too, but another build may go on from it. */
export function runIdentity(
  job: TrainingJob,
  model: CompiledModel,
  trainSamples: number,
): Readonly<Record<string, string>> {
  return {
    format: FORMAT,
    version: "1",
    graph_sha256: createHash("sha256").update(job.graph).digest("hex"),
    seed: BigInt(job.seed).toString(),
    lowering: model.lowering,
    batch_size: String(job.batchSize),
    train_samples: String(trainSamples),
  };
}

export interface Checkpoint {
  readonly step: number;
  readonly state: StateTensors;
}

/** The bytes of a checkpoint file. `metadata` is the run's identity and the build. */
export function checkpointParts(
  model: CompiledModel,
  checkpoint: Checkpoint,
  metadata: Readonly<Record<string, string>>,
): readonly Uint8Array[] {
  const step = String(checkpoint.step);
  return safetensorsParts(namedTensors(model, checkpoint.state), { ...metadata, step });
}

/**
 * Reads a checkpoint of this very run.
 * @throws AppError `backend/checkpoint-mismatch` with the field, `backend/safetensors-malformed`.
 */
export async function readCheckpoint(
  path: string,
  model: CompiledModel,
  identity: Readonly<Record<string, string>>,
): Promise<Checkpoint> {
  await using file = await SafetensorsFile.open(path);
  const { metadata, tensors } = file.header;
  for (const [field, expected] of Object.entries(identity)) compare(field, metadata[field] ?? "missing", expected);
  const step = metadata["step"] ?? "missing";
  if (!/^\d{1,15}$/.test(step)) throw mismatch("step", step, "a whole number");
  compare("number of tensors", String(tensors.size), String(model.state.length));
  const state = new Map<string, Float32Array>();
  for (const { name, shape } of model.state) {
    const { data, place } = await file.read(name);
    compare(`shape of ${name}`, `${place.dtype} [${place.shape.join(", ")}]`, `F32 [${shape.join(", ")}]`);
    state.set(name, data as Float32Array);
  }
  return { step: Number(step), state };
}

/** State tensors with their shapes, as a file holds them; `roles` leaves the others out. */
export function namedTensors(
  model: CompiledModel,
  state: StateTensors,
  roles: readonly string[] = ["weight", "statistic", "optimizer"],
): ReadonlyMap<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const { name, shape, role } of model.state) {
    const data = state.get(name);
    if (data && roles.includes(role)) tensors.set(name, { shape, data });
  }
  return tensors;
}

function compare(field: string, found: string, expected: string): void {
  if (found !== expected) throw mismatch(field, found, expected);
}

function mismatch(field: string, found: string, expected: string): AppError {
  return new AppError(BACKEND_ERRORS.CHECKPOINT_MISMATCH, { field, found, expected });
}
