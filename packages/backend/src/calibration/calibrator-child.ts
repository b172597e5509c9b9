/** The calibrator's process: rounds as they are asked for, until the parent goes away. It is no module to import. */
import { systemClock } from "@cyxwiz/platform";
import { errorMessage, isAppError } from "@cyxwiz/primitives";
import { selectDriver, type SelectedDriver } from "../driver/select-driver.ts";
import { MESSAGE_CHARACTERS } from "../limits.ts";
import type { FromCalibrator } from "./calibrator-message.ts";
import { computeRound, type RoundRequest } from "./compute-round.ts";

let selected: Promise<SelectedDriver> | undefined;

process.on("disconnect", () => process.exit(0));
process.on("message", (request: RoundRequest) => void answer(request));

async function answer(request: RoundRequest): Promise<void> {
  process.send?.(await compute(request));
}

async function compute(request: RoundRequest): Promise<FromCalibrator> {
  try {
    selected ??= selectDriver();
    const { driver } = await selected;
    const { size, product, seconds } = await computeRound(driver, systemClock, request);
    return { kind: "computed", size, product: Buffer.from(product).toString("base64"), seconds };
  } catch (error) {
    const reason = errorMessage(error).slice(0, MESSAGE_CHARACTERS);
    return { kind: "failed", code: isAppError(error) ? error.code : "internal", reason };
  }
}
