import type { Assignment, RerunTask, TrainAssignment } from "../central/messages.ts";
import { refusal, type Refusal } from "../devices/refusal.ts";
import { NODE_ERRORS } from "../errors.ts";
import type { TrainerAbilities } from "./trainer.ts";

/** A field that does not go with the others. */
interface Misfit {
  readonly field: string;
  readonly value: string;
  readonly allowed: string;
}

/** Why this node cannot do the work at all, whatever is free; undefined when it can. Pure. */
export function checkAssignment(
  assignment: Assignment,
  { abilities, objectBytes }: { readonly abilities: TrainerAbilities; readonly objectBytes: number },
): Refusal | undefined {
  const { lowering, build, totalSteps } = assignment;
  if (!abilities.lowerings.includes(lowering)) {
    return refusal(NODE_ERRORS.LOWERING_UNSUPPORTED, { lowering, supported: abilities.lowerings });
  }
  if (build !== undefined && build !== abilities.build) {
    return refusal(NODE_ERRORS.BUILD_MISMATCH, { own: abilities.build, asked: build });
  }
  for (const { cid, sizeBytes } of objectsOf(assignment)) {
    if (sizeBytes > objectBytes)
      return refusal(NODE_ERRORS.OBJECT_TOO_LARGE, { cid, sizeBytes, maxBytes: objectBytes });
  }
  const misfit =
    assignment.kind === "TRAIN" ? trainMisfit(assignment, totalSteps) : rerunMisfit(assignment.rerun, totalSteps);
  return misfit && refusal(NODE_ERRORS.ASSIGNMENT_MALFORMED, misfit);
}

/** Everything that has to be fetched. */
function objectsOf(assignment: Assignment): readonly Assignment["dataset"][] {
  const { dataset } = assignment;
  if (assignment.kind === "TRAIN") return assignment.resume ? [dataset, assignment.resume] : [dataset];
  const { start, model, claim } = assignment.rerun;
  return [dataset, start, model, claim].filter((object) => object !== undefined);
}

/** A checkpoint of the last step is fine: its node was lost before it delivered the model. */
function trainMisfit({ resume }: TrainAssignment, lastStep: number): Misfit | undefined {
  if (!resume || resume.step <= lastStep) return undefined;
  return { field: "resume.step", value: String(resume.step), allowed: `0 to ${lastStep}` };
}

function rerunMisfit(rerun: RerunTask, lastStep: number): Misfit | undefined {
  const { fromStep, toStep, start, model, claim, withModel, expectsFailure } = rerun;
  // A training that failed before its first step has nothing to run but its start.
  const least = expectsFailure ? fromStep : fromStep + 1;
  if (toStep < least || toStep > lastStep) {
    return { field: "rerun.to_step", value: String(toStep), allowed: `${least} to ${lastStep}` };
  }
  if ((start?.step ?? 0) !== fromStep) {
    return { field: "rerun.start.step", value: String(start?.step ?? 0), allowed: `from_step, ${fromStep}` };
  }
  if (claim && claim.step !== toStep) {
    return { field: "rerun.claim.step", value: String(claim.step), allowed: `to_step, ${toStep}` };
  }
  if (model && !withModel) return { field: "rerun.model", value: model.cid, allowed: "absent without with_model" };
  return undefined;
}
