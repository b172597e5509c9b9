/** Builders of chain entries, each with one visible difference, and SHA-256 for tests. */
import { createHash } from "node:crypto";
import type { Sha256 } from "./chain.ts";
import type { ChangeEntry, CheckpointEntry, ResultEntry, RunEntry, SegmentEntry } from "./chain-entry.ts";

export const sha256: Sha256 = (bytes) => createHash("sha256").update(bytes).digest();

export const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

export const aUuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

export const aCid = (number: number): string => `bafkrei${"a".repeat(45)}${String.fromCharCode(97 + (number % 26))}`;

export const aRun = (changed: Partial<RunEntry> = {}): RunEntry => ({
  kind: "run",
  job_id: aUuid(1),
  graph_sha256: hashOf("graph"),
  dataset_cid: aCid(0),
  seed: "18446744073709551615",
  batch_size: 32,
  epochs: 4,
  learning_rate: null,
  checkpoint_every_steps: 25,
  total_steps: 100,
  initial_sha256: hashOf("step 0"),
  ...changed,
});

export const aSegment = (from_step: number, node = 10): SegmentEntry => ({
  kind: "segment",
  from_step,
  node_id: aUuid(node),
  lowering: "cyxwiz-lowering-1",
  build: "ort-node 1.0 cpu",
  hardware_class: "x64-avx2",
  threads: 4,
});

export const aCheckpoint = (step: number): CheckpointEntry => ({
  kind: "checkpoint",
  step,
  cid: aCid(step),
  sha256: hashOf(`step ${step}`),
  size_bytes: 1_000,
});

export const aChange = (step: number, changed: Partial<ChangeEntry> = {}): ChangeEntry => ({
  kind: "change",
  change_id: aUuid(1_000 + step),
  step,
  learning_rate: 0.01,
  batch_size: null,
  stop: false,
  signature: `${"A".repeat(85)}A`,
  ...changed,
});

export const aStop = (step: number): ChangeEntry =>
  aChange(step, { change_id: aUuid(2_000 + step), learning_rate: null, stop: true });

export const aResult = (step: number): ResultEntry => ({
  kind: "result",
  step,
  onnx_sha256: hashOf("onnx"),
  weights_sha256: hashOf("weights"),
});
