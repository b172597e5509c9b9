/** The benchmark's process: one measurement, told to the parent, then its end. It is no module to import. */
import { systemClock } from "@cyxwiz/platform";
import { selectDriver } from "../driver/select-driver.ts";
import { type SpeedOptions, trainForSpeed } from "./speed.ts";

process.on("disconnect", () => process.exit(0));
process.on("message", (options: SpeedOptions) => void measure(options));

async function measure(options: SpeedOptions): Promise<void> {
  const { driver } = await selectDriver();
  process.send?.(await trainForSpeed(driver, systemClock, options), () => process.disconnect());
}
