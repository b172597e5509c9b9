import { isUuid } from "@cyxwiz/primitives";
import type { LiveChange as WireChange } from "@cyxwiz/protocol";
import type { LiveChange } from "./messages.ts";
import { malformed, readWhole } from "./wire-fields.ts";

/**
 * A user's change as the trainer and the checkpoint chain take it. Whether its values fit the job is the trainer's to say.
 * @throws AppError `node/assignment-malformed`, with the field's name under `field`.
 */
export function readChange(field: string, wire: WireChange): LiveChange {
  const { changeId, step, learningRate, batchSize, stop, signature } = wire;
  if (!isUuid(changeId)) throw malformed(`${field}.change_id`, changeId, "a UUID");
  if (learningRate !== undefined && !(learningRate > 0 && Number.isFinite(learningRate))) {
    throw malformed(`${field}.learning_rate`, String(learningRate), "a number over 0");
  }
  return {
    changeId,
    ...(step === undefined ? {} : { step: readWhole(`${field}.step`, step, 0) }),
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(batchSize === undefined ? {} : { batchSize: readWhole(`${field}.batch_size`, batchSize, 1) }),
    stop,
    signature,
  };
}
