import { createHash } from "node:crypto";
import { CHAIN_START, type ChainEntry, chainRoot, extendChain, type SegmentEntry } from "@cyxwiz/receipt";
import { expect, test } from "vitest";
import { cidOf, DATASET, NODE_ID, sampleAssignment } from "../../test/sample-assignment.ts";
import { sha256 as hashOf } from "../../test/scripted-driver.ts";
import type { LiveChange, StoredCheckpoint } from "../central/messages.ts";
import { CheckpointChain, runEntry } from "./checkpoint-chain.ts";

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const INITIAL = hashOf("initial");
const RESULT = { step: 4, onnxSha256: hashOf("onnx"), weightsSha256: hashOf("weights") };
const RESULT_ENTRY: ChainEntry = {
  kind: "result",
  step: 4,
  onnx_sha256: hashOf("onnx"),
  weights_sha256: hashOf("weights"),
};
const CHANGE: LiveChange = {
  changeId: "99999999-9999-4999-8999-999999999999",
  learningRate: 0.05,
  stop: false,
  signature: "c2ln",
};
const CHANGE_ENTRY: ChainEntry = {
  kind: "change",
  change_id: CHANGE.changeId,
  step: 3,
  learning_rate: 0.05,
  batch_size: null,
  stop: false,
  signature: "c2ln",
};

function segment(fromStep: number): SegmentEntry {
  const where = { node_id: NODE_ID, lowering: "loop-1", build: "b", hardware_class: "h", threads: 2 };
  return { kind: "segment", from_step: fromStep, ...where };
}

async function checkpoint(step: number): Promise<StoredCheckpoint> {
  return { step, cid: await cidOf(`${step}`), sha256: hashOf(`${step}`), sizeBytes: step };
}

async function checkpointEntry(step: number): Promise<ChainEntry> {
  return { kind: "checkpoint", step, cid: await cidOf(`${step}`), sha256: hashOf(`${step}`), size_bytes: step };
}

test("[NJ11] a whole run has the root of its entries, in the order in which they happened", async () => {
  const run = runEntry(await sampleAssignment(), INITIAL);
  const chain = new CheckpointChain({ run, segment: segment(0) });
  chain.checkpoint(await checkpoint(2));
  chain.change(3, CHANGE);
  chain.checkpoint(await checkpoint(4));
  const entries = [run, segment(0), await checkpointEntry(2), CHANGE_ENTRY, await checkpointEntry(4), RESULT_ENTRY];
  expect(chain.result(RESULT)).toBe(chainRoot(entries, sha256));
});

test("[NJ11] an attempt that goes on from a head gives the root of the whole job", async () => {
  const run = runEntry(await sampleAssignment(), INITIAL);
  const before = [run, segment(0), await checkpointEntry(2)];
  const chain = new CheckpointChain({ head: chainRoot(before, sha256), run, segment: segment(2) });
  chain.change(3, CHANGE);
  chain.checkpoint(await checkpoint(4));
  const entries = [...before, segment(2), CHANGE_ENTRY, await checkpointEntry(4), RESULT_ENTRY];
  expect(chain.result(RESULT)).toBe(chainRoot(entries, sha256));
});

test("[NJ11] an attempt that commits nothing leaves no trace but its result", async () => {
  const run = runEntry(await sampleAssignment(), INITIAL);
  const before = [run, segment(0), await checkpointEntry(4)];
  const chain = new CheckpointChain({ head: chainRoot(before, sha256), run, segment: segment(4) });
  expect(chain.result(RESULT)).toBe(chainRoot([...before, RESULT_ENTRY], sha256));
});

test("the run entry holds everything that the first state follows from", async () => {
  const assignment = await sampleAssignment({ graph: "{}" });
  expect(runEntry(assignment, INITIAL)).toEqual({
    kind: "run",
    job_id: assignment.jobId,
    graph_sha256: hashOf("{}"),
    dataset_cid: await cidOf(DATASET),
    seed: "18446744073709551615",
    batch_size: 2,
    epochs: 2,
    learning_rate: null,
    checkpoint_every_steps: 2,
    total_steps: 6,
    initial_sha256: INITIAL,
  });
  const settings = { ...assignment.settings, learningRate: 0.1, checkpointEverySteps: 0 };
  expect(runEntry({ ...assignment, settings }, INITIAL)).toMatchObject({
    learning_rate: 0.1,
    checkpoint_every_steps: 0,
  });
});

test("a chain begins with its run entry alone", async () => {
  const run = runEntry(await sampleAssignment(), INITIAL);
  const chain = new CheckpointChain({ run, segment: segment(0) });
  const begun = extendChain(CHAIN_START(sha256), run, sha256);
  expect(chain.result(RESULT)).toBe(extendChain(begun, RESULT_ENTRY, sha256));
});
