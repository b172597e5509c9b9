import { hardwareClass, measureSpeed, selectDriver, startCalibrator, startTrainer } from "@cyxwiz/backend";
import { LOWERING } from "@cyxwiz/graph";
import type { Logger } from "@cyxwiz/platform";
import type { Priority } from "../config/node-config.ts";
import { BENCHMARK_MS } from "../limits.ts";
import type { TrainingDriver } from "./trainer.ts";

/** POSIX niceness. Even "normal" gives way to what the owner does at the computer; "high" competes with it. */
const NICENESS: Readonly<Record<Priority, number>> = { low: 15, normal: 5, high: 0 };

/** The embedded driver of `@cyxwiz/backend`: ONNX Runtime on the processor, in child processes. */
export async function createBackendDriver(logger: Logger): Promise<TrainingDriver> {
  const { driver, notice } = await selectDriver();
  if (notice) logger.warn(notice);
  return {
    abilities: { build: driver.build, lowerings: [LOWERING], hardwareClass: hardwareClass() },
    devices: ["cpu"],
    start: (job, { signal, memoryBytes, priority }) =>
      startTrainer(job, { signal, memoryBytes, niceness: NICENESS[priority], onNotice: (text) => logger.warn(text) }),
    calibrator: () => startCalibrator({ niceness: NICENESS.low }),
    measure: (threads, signal) => measureSpeed({ threads, budgetMs: BENCHMARK_MS, signal }),
  };
}
