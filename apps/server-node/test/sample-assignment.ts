import { type AssignmentId, type Cid, type JobId, type NodeId, parseCid, type UnitId } from "@cyxwiz/primitives";
import { unixfsCid } from "@cyxwiz/cyxcloud";
import type { TrainAssignment, VerifyAssignment } from "../src/central/messages.ts";
import type { Allocation } from "../src/devices/allocation.ts";
import { LOWERING } from "./scripted-driver.ts";

export const UNIT_ID = "unit_cpu0_abc123" as UnitId;
export const DATASET = "tiny dataset";
export const ASSIGNMENT_ID = "11111111-1111-4111-8111-111111111111" as AssignmentId;
export const JOB_ID = "22222222-2222-4222-8222-222222222222" as JobId;

export const NODE_ID = "44444444-4444-5444-8444-444444444444" as NodeId;

export const CPU_ALLOCATION: Allocation = {
  deviceType: "cpu",
  deviceId: 0,
  deviceName: "Test CPU",
  threads: 4,
  threadsReserved: 0,
  memoryBytes: 1_000_000,
  memoryReservedBytes: 0,
  priority: "normal",
  maxPowerPercent: 100,
};

export async function cidOf(text: string): Promise<Cid> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
  }
  return parseCid((await unixfsCid(bytes())).cid);
}

/** Six steps over the tiny dataset, with a checkpoint every two. */
export async function sampleAssignment(changes: Partial<TrainAssignment> = {}): Promise<TrainAssignment> {
  return {
    assignmentId: ASSIGNMENT_ID,
    jobId: JOB_ID,
    unitId: UNIT_ID,
    kind: "TRAIN",
    fencingToken: 2n ** 60n + 1n,
    graph: "{}",
    dataset: { cid: await cidOf(DATASET), sizeBytes: DATASET.length },
    settings: { batchSize: 2, epochs: 2, checkpointEverySteps: 2 },
    seed: "18446744073709551615",
    lowering: LOWERING,
    totalSteps: 6,
    changes: [],
    threads: 2,
    memoryBytes: 1_000,
    ...changes,
  };
}

/** The first two of the six steps, run again from the initial state. */
export async function sampleRerun(
  rerun: Partial<VerifyAssignment["rerun"]> = {},
  changes: Partial<VerifyAssignment> = {},
): Promise<VerifyAssignment> {
  const task = { fromStep: 0, toStep: 2, withModel: false, expectsFailure: false, ...rerun };
  return { ...(await sampleAssignment()), kind: "VERIFY", rerun: task, ...changes };
}
