/**
 * The trainer's process: one job, then its end. Its parent starts this file (`trainer-process.ts`); it is no module to
 * import. When the parent goes away, so does it.
 */
import { systemClock } from "@cyxwiz/platform";
import { selectDriver } from "../driver/select-driver.ts";
import { train } from "./trainer.ts";
import type { FromTrainer, ToTrainer } from "./trainer-message.ts";
import type { TrainingChange, TrainingJob } from "./training-job.ts";

const state = { isStopped: false, sent: Promise.resolve() };
/** Changes that came and were not taken by the training yet; `train` refuses too many. */
const changes: TrainingChange[] = [];

process.on("disconnect", () => process.exit(1));
process.on("message", (message: ToTrainer) => {
  if (message.kind === "stop") state.isStopped = true;
  else if (message.kind === "change") changes.push(message.change);
  else void runJob(message.job, message.memoryBytes);
});

async function runJob(job: TrainingJob, memoryBytes: number | null): Promise<void> {
  const { driver, notice } = await selectDriver();
  if (notice) send({ kind: "notice", text: notice });
  await train(job, {
    driver,
    clock: systemClock,
    emit: (event) => send({ kind: "event", event }),
    isStopped: () => state.isStopped,
    takeChanges: () => changes.splice(0),
    ...(memoryBytes === null
      ? {}
      : { memory: { usedBytes: () => process.memoryUsage.rss(), limitBytes: memoryBytes } }),
  });
  // The last event is on its way before the process ends; the WebAssembly driver's threads would keep it alive.
  await state.sent;
  process.removeAllListeners("disconnect");
  process.on("disconnect", () => process.exit(0));
  process.disconnect();
}

function send(message: FromTrainer): void {
  state.sent = new Promise((resolve) => void process.send?.(message, () => resolve()));
}
