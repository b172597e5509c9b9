/** Receipts of a market whose key the tests hold, and one of a job that was really trained. */
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hardwareClass, startTrainer, type TrainingEvent, type TrainingJob } from "@cyxwiz/backend";
import { LOWERING, writeCyxwiz } from "@cyxwiz/graph";
import type { ReceiptKeys } from "@cyxwiz/protocol/rest";
import { chainRoot, signReceipt, type ChainEntry, type ReceiptBody, type SignedReceipt } from "@cyxwiz/receipt";
import { nameFile } from "../client/content.ts";
import { JOB_ID, NODE_ID, VERIFIER_ID } from "../client/market.fixture.ts";
import { readGraphFile, writeDatasetFile } from "../training/prepare-training.ts";
import { fingerprint } from "./market-key.ts";
import { sha256 } from "./verify-receipt.ts";

export const NETWORK = "ledger-3f9a0c21";
const CID = `b${"a".repeat(58)}`;
const hash = (digit: string): string => digit.repeat(64);

export interface TestIssuer {
  readonly keys: ReceiptKeys;
  /** Signs with the root that the chain has, unless the test says another one. */
  issue(body: ReceiptBody, options?: { readonly root?: string }): SignedReceipt;
}

export function createIssuer(network: string = NETWORK): TestIssuer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519", {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const key_id = fingerprint(publicKey, "the test").slice(0, 16);
  const secret = createPrivateKey(privateKey);
  const signer = {
    keyId: key_id,
    sign: (text: string) => sign(null, Buffer.from(text), secret).toString("base64url"),
  };
  return {
    keys: { network, keys: [{ key_id, network, algorithm: "ed25519", public_key: publicKey }] },
    issue: (body, { root = chainRoot(body.chain, sha256) } = {}) => signReceipt({ ...body, root }, signer),
  };
}

const MACHINE = { lowering: "onnx-cpu-1", build: "ort-node-1.30.0", hardware_class: "x64-avx512" };
const checkpoint = (step: number, digit: string): ChainEntry => ({
  kind: "checkpoint",
  step,
  cid: CID,
  sha256: hash(digit),
  size_bytes: 100,
});

export const CHAIN: readonly ChainEntry[] = [
  {
    kind: "run",
    job_id: JOB_ID,
    graph_sha256: hash("1"),
    dataset_cid: CID,
    seed: "7",
    batch_size: 16,
    epochs: 2,
    learning_rate: null,
    checkpoint_every_steps: 20,
    total_steps: 60,
    initial_sha256: hash("2"),
  },
  { kind: "segment", from_step: 0, node_id: NODE_ID, ...MACHINE, threads: 4 },
  checkpoint(20, "3"),
  checkpoint(40, "4"),
  checkpoint(60, "5"),
  { kind: "result", step: 60, onnx_sha256: hash("6"), weights_sha256: hash("7") },
];

/** Steps 21 to 40 of 60 were run again by the platform; a test says what differs. */
export function sampleReceipt(different: Partial<ReceiptBody> = {}): ReceiptBody {
  return {
    format: "cyxwiz-receipt",
    version: 1,
    network: NETWORK,
    job_id: JOB_ID,
    name: "Digits CNN",
    issued_at: "2026-01-01T10:01:05Z",
    outcome: "completed",
    chain: CHAIN,
    root: hash("0"),
    result: {
      onnx: { cid: CID, sha256: hash("6"), size_bytes: 100 },
      weights: { cid: CID, sha256: hash("7"), size_bytes: 100 },
    },
    verification: {
      verdict: "verified",
      interval: { from: 20, to: 40 },
      reruns: [
        { node_id: VERIFIER_ID, is_platform: true, ...MACHINE, outcome: "agrees", distance: null, paid: "0.004" },
      ],
      paid: "0.004",
    },
    payment: {
      rail: "ledger",
      simulated: true,
      quoted: "2.500000000",
      due: "2.500000000",
      owners: [{ node_id: NODE_ID, unit_id: "unit_cpu0_abc123", amount: "2.250000000" }],
      platform: "0.250000000",
      refunded: "0.000000000",
    },
    ...different,
  };
}

export interface TrainedJob extends AsyncDisposable {
  readonly receipt: ReceiptBody;
  /** Holds the graph, the dataset and every checkpoint, under names that say nothing. */
  readonly folder: string;
  /** Name of a checkpoint's file in the folder. */
  fileOf(step: number): string;
}

const example = (name: string): string => fileURLToPath(new URL(`../../../../examples/${name}`, import.meta.url));
const SETTINGS = { batchSize: 20, epochs: 2, seed: "7", checkpointEverySteps: 4 };
const THREADS = 1;

/** Trains flowers for 12 steps here, and makes of it the receipt whose interval is steps 5 to 8. */
export async function trainFlowers(): Promise<TrainedJob> {
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-trained-"));
  const fileOf = (step: number): string => `checkpoint-${step}.safetensors`;
  const { graph } = await readGraphFile(example("iris-mlp.cyxwiz"));
  const text = writeCyxwiz(graph);
  await writeFile(join(folder, "some text"), text);
  await using dataset = await writeDatasetFile(`csv:${example("iris.csv")}?label=species`);
  await writeFile(join(folder, "some data"), await readFile(dataset.path));
  const job: TrainingJob = { ...SETTINGS, graph: text, datasetPath: dataset.path, outputDir: folder, threads: THREADS };
  await using trainer = startTrainer(job);
  const events = await Array.fromAsync(trainer.events);
  const dataset_cid = await nameFile(dataset.path, "CID");
  const chain = await chainOf(events, {
    graph_sha256: Buffer.from(sha256(Buffer.from(text))).toString("hex"),
    dataset_cid,
  });
  const end = chain.at(-1);
  const artifact = (sum: string): { cid: string; sha256: string; size_bytes: number } => ({
    cid: CID,
    sha256: sum,
    size_bytes: 100,
  });
  const result =
    end?.kind === "result"
      ? { onnx: artifact(end.onnx_sha256), weights: artifact(end.weights_sha256) }
      : { onnx: null, weights: null };
  const { verification } = sampleReceipt();
  return {
    receipt: sampleReceipt({ chain, result, verification: { ...verification, interval: { from: 4, to: 8 } } }),
    folder,
    fileOf,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function chainOf(
  events: readonly TrainingEvent[],
  inputs: { readonly graph_sha256: string; readonly dataset_cid: string },
): Promise<ChainEntry[]> {
  const started = events.find((event) => event.kind === "started");
  const finished = events.find((event) => event.kind === "finished");
  if (!started || !finished) throw new TypeError(`the training ended with ${JSON.stringify(events.at(-1))}`);
  return [
    {
      kind: "run",
      job_id: JOB_ID,
      ...inputs,
      seed: SETTINGS.seed,
      batch_size: SETTINGS.batchSize,
      epochs: SETTINGS.epochs,
      learning_rate: null,
      checkpoint_every_steps: SETTINGS.checkpointEverySteps,
      total_steps: started.totalSteps,
      initial_sha256: started.initialSha256,
    },
    {
      kind: "segment",
      from_step: 0,
      node_id: NODE_ID,
      lowering: LOWERING,
      build: started.build,
      hardware_class: hardwareClass(),
      threads: THREADS,
    },
    ...events
      .filter((event) => event.kind === "checkpoint")
      .map((event): ChainEntry => {
        return { kind: "checkpoint", step: event.step, cid: CID, sha256: event.sha256, size_bytes: event.sizeBytes };
      }),
    {
      kind: "result",
      step: finished.step,
      onnx_sha256: await nameFile(finished.onnxPath, "SHA-256"),
      weights_sha256: finished.weightsSha256,
    },
  ];
}
