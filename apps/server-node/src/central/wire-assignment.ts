/**
 * A wire assignment → the node's own form, checked field by field: the server is trusted to pay, not to be free of bugs,
 * and a number that a step counter cannot hold must not start a training.
 */
import {
  AppError,
  errorMessage,
  isAppError,
  parseAssignmentId,
  parseCid,
  parseJobId,
  parseUnitId,
} from "@cyxwiz/primitives";
import { AssignmentKind, type CheckpointRef, type TaskAssignment } from "@cyxwiz/protocol";
import { NODE_ERRORS } from "../errors.ts";
import type { Assignment, Lease, ServerMessage, StoredCheckpoint } from "./messages.ts";

const MAX_SEED = 2n ** 64n - 1n;

/** The assignment, or the reason to decline it with. */
export function readAssignment(wire: TaskAssignment): Extract<ServerMessage, { kind: "assignment" | "unreadable" }> {
  const lease: Lease = { assignmentId: parseAssignmentId(wire.assignmentId), fencingToken: wire.fencingToken };
  try {
    return { kind: "assignment", assignment: { ...lease, ...readWork(wire) } };
  } catch (error) {
    const code = isAppError(error) ? error.code : NODE_ERRORS.ASSIGNMENT_MALFORMED.code;
    return { kind: "unreadable", ...lease, code, message: errorMessage(error) };
  }
}

function readWork(wire: TaskAssignment): Omit<Assignment, keyof Lease> {
  const { dataset, settings } = wire;
  if (!dataset) throw malformed("dataset", "absent", "a descriptor with a cid");
  if (!settings) throw malformed("settings", "absent", "settings with batch_size and epochs");
  const { learningRate } = settings;
  return {
    jobId: parseJobId(wire.jobId),
    unitId: parseUnitId(wire.unitId),
    kind: readKind(wire.kind),
    graph: wire.graph,
    dataset: { cid: parseCid(dataset.cid), sizeBytes: whole("dataset.size_bytes", dataset.sizeBytes, 1) },
    settings: {
      batchSize: whole("settings.batch_size", settings.batchSize, 1),
      epochs: whole("settings.epochs", settings.epochs, 1),
      checkpointEverySteps: whole("settings.checkpoint_every_steps", settings.checkpointEverySteps, 0),
      ...(learningRate === undefined ? {} : { learningRate }),
    },
    seed: readSeed(wire.seed),
    lowering: wire.lowering,
    totalSteps: whole("total_steps", wire.totalSteps, 1),
    threads: whole("threads", wire.threads, 0),
    memoryBytes: whole("memory_bytes", wire.memoryBytes, 0),
    ...(wire.resume ? { resume: readCheckpoint(wire.resume) } : {}),
  };
}

function readKind(kind: AssignmentKind): Assignment["kind"] {
  if (kind === AssignmentKind.TRAIN) return "TRAIN";
  if (kind === AssignmentKind.VERIFY) return "VERIFY";
  throw malformed("kind", String(kind), "TRAIN or VERIFY");
}

function readCheckpoint(wire: CheckpointRef): StoredCheckpoint {
  if (!/^[0-9a-f]{64}$/.test(wire.sha256)) throw malformed("resume.sha256", wire.sha256, "64 lower-case hex digits");
  return {
    step: whole("resume.step", wire.step, 0),
    cid: parseCid(wire.cid),
    sha256: wire.sha256,
    sizeBytes: whole("resume.size_bytes", wire.sizeBytes, 1),
  };
}

/** Stays text: the value may be larger than a number can hold. */
function readSeed(seed: string): string {
  if (/^\d{1,20}$/.test(seed) && BigInt(seed) <= MAX_SEED) return seed;
  throw malformed("seed", seed, `decimal digits from 0 to ${MAX_SEED}`);
}

function whole(field: string, value: bigint | number, least: number): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw malformed(field, String(value), `a whole number from ${least} to 2^53 − 1`);
}

function malformed(field: string, value: string, allowed: string): AppError {
  return new AppError(NODE_ERRORS.ASSIGNMENT_MALFORMED, { field, value: value.slice(0, 80), allowed });
}
