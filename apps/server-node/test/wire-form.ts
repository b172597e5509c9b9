/** What a server writes for an assignment: the inverse of what the node reads. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { AssignmentKind, type TaskAssignmentSchema } from "@cyxwiz/protocol";
import type { Assignment, LiveChange, StoredCheckpoint } from "../src/central/messages.ts";

type WireAssignment = Exclude<MessageInitShape<typeof TaskAssignmentSchema>, { readonly $typeName: string }>;

export function wireAssignment(assignment: Assignment): WireAssignment {
  const { settings, dataset, kind, totalSteps, memoryBytes, changes, ...rest } = assignment;
  const { assignmentId, fencingToken, jobId, unitId, graph, seed, lowering, build = "", threads } = rest;
  return {
    assignmentId,
    fencingToken,
    jobId,
    unitId,
    graph,
    seed,
    lowering,
    build,
    threads,
    settings,
    kind: AssignmentKind[kind],
    dataset: { cid: dataset.cid, sizeBytes: BigInt(dataset.sizeBytes) },
    totalSteps: BigInt(totalSteps),
    memoryBytes: BigInt(memoryBytes),
    changes: changes.map(wireChange),
    ...(assignment.kind === "TRAIN" ? wireTraining(assignment) : wireRerun(assignment)),
  };
}

/** A change as it stands in an assignment or in a message of its own. */
export function wireChange({ step, ...change }: LiveChange): NonNullable<WireAssignment["changes"]>[number] {
  return { ...change, ...(step === undefined ? {} : { step: BigInt(step) }) };
}

function wireTraining({
  resume,
  chainHead = "",
}: Extract<Assignment, { kind: "TRAIN" }>): Pick<WireAssignment, "resume" | "chainHead"> {
  return { chainHead, ...(resume ? { resume: wireCheckpoint(resume) } : {}) };
}

function wireRerun({ rerun }: Extract<Assignment, { kind: "VERIFY" }>): Pick<WireAssignment, "rerun"> {
  const { start, model, claim, fromStep, toStep, withModel, expectsFailure } = rerun;
  return {
    rerun: {
      fromStep: BigInt(fromStep),
      toStep: BigInt(toStep),
      withModel,
      expectsFailure,
      ...(start ? { start: wireCheckpoint(start) } : {}),
      ...(model ? { model: wireCheckpoint(model) } : {}),
      ...(claim ? { claim: wireCheckpoint(claim) } : {}),
    },
  };
}

function wireCheckpoint({ step, sizeBytes, ...rest }: StoredCheckpoint): NonNullable<WireAssignment["resume"]> {
  return { ...rest, step: BigInt(step), sizeBytes: BigInt(sizeBytes) };
}
