import type { TrainingChange } from "@cyxwiz/backend";
import type { LiveChange } from "../central/messages.ts";

/** A change in the trainer's words. Pure. */
export function trainerChange({ changeId, step, learningRate, batchSize, stop }: LiveChange): TrainingChange {
  return {
    id: changeId,
    ...(step === undefined ? {} : { step }),
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(stop ? { stop } : {}),
  };
}
