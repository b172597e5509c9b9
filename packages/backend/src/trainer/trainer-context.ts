import type { Clock } from "@cyxwiz/platform";
import type { TrainingDriver } from "../driver/training-driver.ts";
import type { TrainingChange, TrainingEvent } from "./training-job.ts";

/** What a training needs from outside. */
export interface TrainerContext {
  readonly driver: TrainingDriver;
  readonly clock: Clock;
  readonly emit: (event: TrainingEvent) => void;
  /** Asked between runs: true ends the training with a last checkpoint and the model as it is then. */
  readonly isStopped: () => boolean;
  /** Asked between runs: changes that came since the last time, in their order. None ever come when absent. */
  readonly takeChanges?: () => readonly TrainingChange[];
  /** Bytes of memory in use now, compared with the limit between runs. */
  readonly memory?: { readonly usedBytes: () => number; readonly limitBytes: number };
}
