/** The real trainer without a process of its own: for the little work that liars do, and for honest work that is many. */
import { selectDriver, train, type TrainingEvent, type TrainingJob } from "@cyxwiz/backend";
import { BoundedQueue, systemClock } from "@cyxwiz/platform";
import type { TrainerProcess } from "../../../apps/server-node/src/jobs/trainer.ts";

const WAITING_EVENTS = 1_000;

export function startInProcess(job: TrainingJob): TrainerProcess {
  const events = new BoundedQueue<TrainingEvent>(WAITING_EVENTS);
  let isStopped = false;
  const training = selectDriver().then(({ driver }) =>
    train(job, { driver, clock: systemClock, emit: (event) => void events.push(event), isStopped: () => isStopped }),
  );
  const over = training.finally(() => events.close());
  return {
    events,
    stop: () => undefined,
    change: () => undefined,
    [Symbol.asyncDispose]: async () => {
      isStopped = true;
      await over;
    },
  };
}
