import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";
import { ErrorTail, startChild } from "../trainer/child-process.ts";
import type { MeasuredSpeed, SpeedOptions } from "./speed.ts";

/**
 * Measures this machine's training speed in a process of its own.
 *
 * Units: floating-point operations a second, as quotes count them. Cost: `budgetMs` and about half a second.
 * @throws AppError `backend/trainer-lost`; the signal's reason when aborted.
 */
export async function measureSpeed(options: SpeedOptions & { readonly signal?: AbortSignal }): Promise<MeasuredSpeed> {
  const { signal, threads, budgetMs } = options;
  signal?.throwIfAborted();
  const child = startChild(new URL("./speed-child.ts", import.meta.url), 0);
  const stderr = new ErrorTail(child, MESSAGE_CHARACTERS);
  const { promise, resolve, reject } = Promise.withResolvers<MeasuredSpeed>();
  const lost = (exit: string): void =>
    reject(new AppError(BACKEND_ERRORS.TRAINER_LOST, { exit: `${exit}; ${stderr.text}` }));
  const abort = (): void => reject(signal?.reason);
  child.once("message", (speed) => resolve(speed as MeasuredSpeed));
  child.once("error", (error) => lost(errorMessage(error)));
  child.once("close", (code, killedBy) => lost(killedBy ? `signal ${killedBy}` : `exit code ${code}`));
  signal?.addEventListener("abort", abort, { once: true });
  child.send({ threads, budgetMs } satisfies SpeedOptions, () => undefined);
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", abort);
    child.kill("SIGKILL");
  }
}
