import type { Assignment } from "../central/messages.ts";
import { refusal, type Refusal } from "../devices/refusal.ts";
import { NODE_ERRORS } from "../errors.ts";
import type { TrainerAbilities } from "./trainer.ts";

/** Why this node cannot do the work at all, whatever is free; undefined when it can. Pure. */
export function checkAssignment(
  assignment: Assignment,
  { abilities, objectBytes }: { readonly abilities: TrainerAbilities; readonly objectBytes: number },
): Refusal | undefined {
  const { kind, lowering, dataset, resume, totalSteps } = assignment;
  if (kind !== "TRAIN") {
    return refusal(NODE_ERRORS.ASSIGNMENT_MALFORMED, { field: "kind", value: kind, allowed: "TRAIN on this build" });
  }
  if (!abilities.lowerings.includes(lowering)) {
    return refusal(NODE_ERRORS.LOWERING_UNSUPPORTED, { lowering, supported: abilities.lowerings });
  }
  for (const { cid, sizeBytes } of resume ? [dataset, resume] : [dataset]) {
    if (sizeBytes > objectBytes)
      return refusal(NODE_ERRORS.OBJECT_TOO_LARGE, { cid, sizeBytes, maxBytes: objectBytes });
  }
  // A checkpoint of the last step is fine: its node was lost before it delivered the model.
  if (resume && resume.step > totalSteps) {
    const allowed = `0 to ${totalSteps}`;
    return refusal(NODE_ERRORS.ASSIGNMENT_MALFORMED, { field: "resume.step", value: String(resume.step), allowed });
  }
  return undefined;
}
