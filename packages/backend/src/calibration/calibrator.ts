/**
 * Computes rounds of a matrix chain in a process of its own, which stays warm between them: starting a driver takes longer
 * than a small round. Disposing ends the process at once, in the middle of a product, so that work never waits for it.
 */
import type { ChildProcess } from "node:child_process";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";
import { ErrorTail, startChild } from "../trainer/child-process.ts";
import { CALIBRATION_ERRORS } from "./calibration-errors.ts";
import type { FromCalibrator } from "./calibrator-message.ts";
import type { ComputedRound, RoundRequest } from "./compute-round.ts";

export interface Calibrator extends AsyncDisposable {
  /**
   * One round at a time.
   * @throws AppError `backend/calibration-failed` with the code of what failed; `backend/trainer-lost` when the process is
   * gone, also by disposal.
   */
  compute(request: RoundRequest): Promise<ComputedRound>;
}

/** Starts the process. `niceness` as in POSIX, 0 to 19. Failures come with the first round. */
export function startCalibrator({ niceness }: { readonly niceness: number }): Calibrator {
  return new ChildCalibrator(startChild(new URL("./calibrator-child.ts", import.meta.url), niceness));
}

class ChildCalibrator implements Calibrator {
  readonly #child: ChildProcess;
  readonly #exited = Promise.withResolvers<string>();

  constructor(child: ChildProcess) {
    this.#child = child;
    const stderr = new ErrorTail(child, MESSAGE_CHARACTERS);
    child.once("error", (error) => this.#exited.resolve(errorMessage(error)));
    child.once("close", (code, signal) => {
      this.#exited.resolve(`${signal ? `signal ${signal}` : `exit code ${code}`}; ${stderr.text}`);
    });
  }

  async compute(request: RoundRequest): Promise<ComputedRound> {
    const { promise, resolve } = Promise.withResolvers<FromCalibrator>();
    const lost = this.#exited.promise.then((exit): FromCalibrator => ({ kind: "lost", exit }));
    this.#child.once("message", resolve);
    if (this.#child.connected) this.#child.send(request, () => undefined);
    try {
      return computedOf(await Promise.race([promise, lost]));
    } finally {
      this.#child.off("message", resolve);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited.promise;
  }
}

function computedOf(message: FromCalibrator): ComputedRound {
  switch (message.kind) {
    case "computed": {
      const { size, product, seconds } = message;
      return { size, product: Buffer.from(product, "base64"), seconds };
    }
    case "failed":
      throw new AppError(CALIBRATION_ERRORS.CALIBRATION_FAILED, { code: message.code, reason: message.reason });
    case "lost":
      throw new AppError(BACKEND_ERRORS.TRAINER_LOST, { exit: message.exit });
  }
}
