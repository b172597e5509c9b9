/**
 * A wire assignment → the node's own form, checked field by field: the server is trusted to pay, not to be free of bugs,
 * and a number that a step counter cannot hold must not start a training.
 */
import { errorMessage, isAppError, parseAssignmentId, parseCid, parseJobId, parseUnitId } from "@cyxwiz/primitives";
import { AssignmentKind, type RerunTask as WireRerun, type TaskAssignment } from "@cyxwiz/protocol";
import { NODE_ERRORS } from "../errors.ts";
import { LIVE_CHANGES } from "../limits.ts";
import type {
  Lease,
  LiveChange,
  RerunTask,
  ServerMessage,
  TrainAssignment,
  VerifyAssignment,
  WorkOrder,
} from "./messages.ts";
import { readChange } from "./wire-change.ts";
import { malformed, readCheckpoint, readHash, readWhole } from "./wire-fields.ts";

const MAX_SEED = 2n ** 64n - 1n;

/** The assignment, or the reason to decline it with. */
export function readAssignment(wire: TaskAssignment): Extract<ServerMessage, { kind: "assignment" | "unreadable" }> {
  const lease: Lease = { assignmentId: parseAssignmentId(wire.assignmentId), fencingToken: wire.fencingToken };
  try {
    return { kind: "assignment", assignment: { ...lease, ...readOrder(wire), ...readKind(wire) } };
  } catch (error) {
    const code = isAppError(error) ? error.code : NODE_ERRORS.ASSIGNMENT_MALFORMED.code;
    return { kind: "unreadable", ...lease, code, message: errorMessage(error) };
  }
}

/** What every kind of work is given. */
function readOrder(wire: TaskAssignment): Omit<WorkOrder, keyof Lease> {
  const { dataset, settings, build } = wire;
  if (!dataset) throw malformed("dataset", "absent", "a descriptor with a cid");
  if (!settings) throw malformed("settings", "absent", "settings with batch_size and epochs");
  const { learningRate } = settings;
  return {
    jobId: parseJobId(wire.jobId),
    unitId: parseUnitId(wire.unitId),
    graph: wire.graph,
    dataset: { cid: parseCid(dataset.cid), sizeBytes: readWhole("dataset.size_bytes", dataset.sizeBytes, 1) },
    settings: {
      batchSize: readWhole("settings.batch_size", settings.batchSize, 1),
      epochs: readWhole("settings.epochs", settings.epochs, 1),
      checkpointEverySteps: readWhole("settings.checkpoint_every_steps", settings.checkpointEverySteps, 0),
      ...(learningRate === undefined ? {} : { learningRate }),
    },
    seed: readSeed(wire.seed),
    lowering: wire.lowering,
    ...(build === "" ? {} : { build }),
    totalSteps: readWhole("total_steps", wire.totalSteps, 1),
    changes: readChanges(wire.changes),
    threads: readWhole("threads", wire.threads, 0),
    memoryBytes: readWhole("memory_bytes", wire.memoryBytes, 0),
  };
}

/** What only one kind of work is given. */
function readKind(
  wire: TaskAssignment,
): Pick<TrainAssignment, "kind" | "resume" | "chainHead"> | Pick<VerifyAssignment, "kind" | "rerun"> {
  const { kind, resume, rerun, chainHead } = wire;
  switch (kind) {
    case AssignmentKind.TRAIN:
      return {
        kind: "TRAIN",
        ...(resume ? { resume: readCheckpoint("resume", resume) } : {}),
        ...(resume || chainHead ? { chainHead: readHash("chain_head", chainHead) } : {}),
      };
    case AssignmentKind.VERIFY:
      if (!rerun) throw malformed("rerun", "absent", "what is to be run again");
      return { kind: "VERIFY", rerun: readRerun(rerun, wire) };
    default:
      throw malformed("kind", String(kind), "TRAIN or VERIFY");
  }
}

function readRerun({ start, model, claim, ...wire }: WireRerun, { threads }: TaskAssignment): RerunTask {
  const task = {
    fromStep: readWhole("rerun.from_step", wire.fromStep, 0),
    toStep: readWhole("rerun.to_step", wire.toStep, 0),
    ...(start ? { start: readCheckpoint("rerun.start", start) } : {}),
    withModel: wire.withModel,
    ...(model ? { model: readCheckpoint("rerun.model", model) } : {}),
    ...(claim ? { claim: readCheckpoint("rerun.claim", claim) } : {}),
    expectsFailure: wire.expectsFailure,
  };
  // "All of the unit" is another number here than where the work was done.
  readWhole("threads", threads, 1);
  return task;
}

function readChanges(changes: TaskAssignment["changes"]): readonly LiveChange[] {
  if (changes.length > LIVE_CHANGES) throw malformed("changes", `${changes.length} long`, `at most ${LIVE_CHANGES}`);
  return changes.map((change, i) => readChange(`changes[${i}]`, change));
}

/** Stays text: the value may be larger than a number can hold. */
function readSeed(seed: string): string {
  if (/^\d{1,20}$/.test(seed) && BigInt(seed) <= MAX_SEED) return seed;
  throw malformed("seed", seed, `decimal digits from 0 to ${MAX_SEED}`);
}
