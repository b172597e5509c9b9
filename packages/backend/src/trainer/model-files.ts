/** The files that a job's user gets: made the same way whether they are kept or only hashed. */
import type { CompiledModel } from "@cyxwiz/graph";
import type { StateTensors } from "../driver/training-driver.ts";
import { safetensorsParts } from "../safetensors/safetensors-file.ts";
import { namedTensors } from "./checkpoint.ts";

/** Bytes of each file, in order. They depend on model and state alone. */
export interface ModelFiles {
  readonly onnx: readonly Uint8Array[];
  readonly weights: readonly Uint8Array[];
}

export function modelFiles(model: CompiledModel, state: StateTensors): ModelFiles {
  const weights = namedTensors(model, state, ["weight", "statistic"]);
  return { onnx: [model.exportOnnx(new Map(state))], weights: safetensorsParts(weights, { format: "pt" }) };
}
