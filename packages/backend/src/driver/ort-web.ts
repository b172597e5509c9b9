/**
 * The driver on onnxruntime-web: WebAssembly, so it runs where no native library does, at about a third of the speed.
 *
 * The library takes its number of threads once, at the first session of a process; later sessions share them.
 */
import { createRequire } from "node:module";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";
import { OrtTrainingSession } from "./ort-session.ts";
import type { TrainingDriver } from "./training-driver.ts";

const ID = "ort-web";

/** Loads the WebAssembly library. @throws AppError `backend/driver-unavailable`. */
export async function loadOrtWeb(): Promise<TrainingDriver> {
  const ort = await import("onnxruntime-web").catch((error: unknown) => {
    const reason = errorMessage(error).slice(0, MESSAGE_CHARACTERS);
    throw new AppError(BACKEND_ERRORS.DRIVER_UNAVAILABLE, { driver: ID, reason }, { cause: error });
  });
  // onnxruntime-web does not export its package.json; its file lies two folders above the entry.
  const require = createRequire(import.meta.url);
  const { version } = require(require.resolve("onnxruntime-web").replace(/dist[\\/][^\\/]+$/, "package.json")) as {
    readonly version: string;
  };
  return {
    id: ID,
    build: `onnxruntime-web ${version} wasm`,
    open(model, { threads }) {
      ort.env.wasm.numThreads = threads;
      ort.env.logLevel = "error";
      const options = { executionProviders: ["wasm"], logSeverityLevel: 3 } as const;
      const { InferenceSession, Tensor } = ort;
      return OrtTrainingSession.open({ driverId: ID, InferenceSession, Tensor, reuseOutputs: false, options }, model);
    },
  };
}
