/** The driver on onnxruntime-node: native kernels on the CPU. A run blocks its thread, so it belongs in a child process. */
import { createRequire } from "node:module";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";
import { type OrtLibrary, OrtTrainingSession } from "./ort-session.ts";
import type { TrainingDriver } from "./training-driver.ts";

const ID = "ort-node";

/** Loads the native library. @throws AppError `backend/driver-unavailable` where there is none for this machine. */
export async function loadOrtNode(): Promise<TrainingDriver> {
  const ort = await import("onnxruntime-node").catch((error: unknown) => {
    const reason = errorMessage(error).slice(0, MESSAGE_CHARACTERS);
    throw new AppError(BACKEND_ERRORS.DRIVER_UNAVAILABLE, { driver: ID, reason }, { cause: error });
  });
  const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { readonly version: string };
  const library = (threads: number): OrtLibrary => ({
    driverId: ID,
    InferenceSession: ort.InferenceSession,
    Tensor: ort.Tensor,
    reuseOutputs: true,
    options: {
      executionProviders: ["cpu"],
      executionMode: "sequential",
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Waiting threads sleep: owners share their CPU, and on a busy machine spinning costs half the speed.
      extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
    },
  });
  return {
    id: ID,
    build: `onnxruntime-node ${version} ${process.platform}-${process.arch}`,
    open: (model, { threads }) => OrtTrainingSession.open(library(threads), model),
  };
}
