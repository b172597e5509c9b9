import { AppError, errorMessage } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { loadOrtNode } from "./ort-node.ts";
import { loadOrtWeb } from "./ort-web.ts";
import type { TrainingDriver } from "./training-driver.ts";

export interface SelectedDriver {
  readonly driver: TrainingDriver;
  /** Why it is not the fastest one, in a sentence for the owner. */
  readonly notice?: string;
}

/** In the order of their speed. */
const DRIVERS: readonly (() => Promise<TrainingDriver>)[] = [loadOrtNode, loadOrtWeb];

/**
 * The fastest driver that loads on this machine: native, else WebAssembly.
 * @throws AppError `backend/driver-unavailable` when none does.
 */
export async function selectDriver(
  drivers: readonly (() => Promise<TrainingDriver>)[] = DRIVERS,
): Promise<SelectedDriver> {
  const failures: string[] = [];
  for (const load of drivers) {
    try {
      const driver = await load();
      if (failures.length === 0) return { driver };
      return { driver, notice: `training runs on ${driver.id}, which is slower, because ${failures.join("; ")}` };
    } catch (error) {
      failures.push(errorMessage(error));
    }
  }
  throw new AppError(BACKEND_ERRORS.DRIVER_UNAVAILABLE, { driver: "of every kind", reason: failures.join("; ") });
}
