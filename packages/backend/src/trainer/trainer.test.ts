import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defined } from "@cyxwiz/primitives";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import type { Dataset } from "../dataset/samples.ts";
import type { TrainingDriver } from "../driver/training-driver.ts";
import { SafetensorsFile, writeSafetensors } from "../safetensors/safetensors-file.ts";
import { clockOf, driver, finished, ofKind, trained } from "./run-job.fixture.ts";
import { runLength } from "./step-runner.ts";
import { CLASSIFIER, FEATURES, REGRESSOR, tinyDataset, tinyJob } from "./tiny-job.fixture.ts";
import type { TrainingEvent, TrainingJob } from "./training-job.ts";

test("[TR6] a training starts, reports, tests after every epoch, keeps checkpoints and finishes", async () => {
  const events = await trained(await tinyJob({ epochs: 20 }), { clock: clockOf(150) });
  expect(events[0]).toMatchObject({
    kind: "started",
    firstStep: 1,
    totalSteps: 200,
    stepsPerEpoch: 10,
    build: driver.build,
  });
  expect(
    ofKind(events, "epoch")
      .map(({ epoch, step }) => [epoch, step])
      .slice(0, 3),
  ).toEqual([
    [1, 10],
    [2, 20],
    [3, 30],
  ]);
  expect(
    ofKind(events, "checkpoint")
      .map(({ step }) => step)
      .slice(-3),
  ).toEqual([189, 196, 200]);
  const progress = ofKind(events, "progress");
  expect(progress.at(-1)).toMatchObject({ step: 200, epoch: 20, secondsLeft: 0 });
  expect(progress.at(-1)?.loss).toBeLessThan((progress[0]?.loss ?? 0) * 0.7);
  expect(events.at(-1)?.kind).toBe("finished");
  expect(finished(events).metrics["test_accuracy"]).toBeGreaterThan(0.7);
});

test("the files hold the model that was tested: other tools get the same accuracy from them", async () => {
  const { onnxPath, weightsPath, metrics } = finished(await trained(await tinyJob()));
  const session = await InferenceSession.create(onnxPath);
  const { test: held } = tinyDataset("classify");
  const outputs = await session.run({ input: new Tensor("float32", held.x as Float32Array, [held.count, FEATURES]) });
  const scores = defined(outputs["output"], "the output").data as Float32Array;
  const right = Array.from<bigint | number>(held.y).filter((label, i) => {
    const row = scores.subarray(i * 3, i * 3 + 3);
    return row.indexOf(Math.max(...row)) === Number(label);
  });
  expect(right.length / held.count).toBe(metrics["test_accuracy"]);
  await using weights = await SafetensorsFile.open(weightsPath);
  const names = [...weights.header.tensors.keys()].map((name) => name.split(".").at(-1));
  expect(new Set(names)).toEqual(new Set(["weight", "bias", "running_mean", "running_var"]));
  expect(weights.header.metadata["format"]).toBe("pt");
});

test("[TR4] how many steps one run takes changes no bit of any checkpoint", async () => {
  const together = await trained(await tinyJob(), { clock: clockOf(0) });
  const oneByOne = await trained(await tinyJob(), { clock: clockOf(1_000) });
  const sums = (events: readonly TrainingEvent[]): string[] => ofKind(events, "checkpoint").map(({ sha256 }) => sha256);
  expect(sums(together).length).toBe(6);
  expect(sums(together)).toEqual(sums(oneByOne));
  expect(finished(together).weightsSha256).toBe(finished(oneByOne).weightsSha256);
});

test("[TR5] a training resumed from any checkpoint ends with the bits of the unbroken one", async () => {
  const whole = await trained(await tinyJob());
  for (const { step, path } of ofKind(whole, "checkpoint").slice(0, 4)) {
    const resumed = await trained(await tinyJob({ resumeFrom: path }));
    expect(resumed[0]).toMatchObject({ kind: "started", firstStep: step + 1 });
    expect(ofKind(resumed, "checkpoint").at(-1)?.sha256).toBe(ofKind(whole, "checkpoint").at(-1)?.sha256);
    expect(finished(resumed).metrics).toEqual(finished(whole).metrics);
  }
});

test("[TR8] a stopped training leaves a checkpoint and the model of its last step, and can go on", async () => {
  const whole = await trained(await tinyJob());
  let runs = 0;
  const stopped = await trained(await tinyJob(), { isStopped: () => runs++ === 5, clock: clockOf(1_000) });
  expect(finished(stopped).step).toBe(5);
  const checkpoint = defined(ofKind(stopped, "checkpoint").at(-1), "the last checkpoint");
  expect(checkpoint.step).toBe(5);
  const resumed = await trained(await tinyJob({ resumeFrom: checkpoint.path }));
  expect(finished(resumed).weightsSha256).toBe(finished(whole).weightsSha256);
});

test("another seed gives another model", async () => {
  const [a, b] = [await trained(await tinyJob({ epochs: 1 })), await trained(await tinyJob({ epochs: 1, seed: "0" }))];
  expect(finished(a).weightsSha256).not.toBe(finished(b).weightsSha256);
});

test("numbers are learned too, and then there is no accuracy", async () => {
  const job = await tinyJob({ graph: REGRESSOR, epochs: 30 }, tinyDataset("regress"));
  const events = await trained(job);
  expect(finished(events).metrics["test_loss"]).toBeLessThan(0.05);
  expect(finished(events).metrics).not.toHaveProperty("test_accuracy");
  expect(ofKind(events, "epoch")[0]).not.toHaveProperty("testAccuracy");
});

test("[TR7] a loss that is no number fails the job with the very step, however many steps ran together", async () => {
  const job = { graph: REGRESSOR, learningRate: 1_000, epochs: 30 };
  const [together, oneByOne] = [
    await trained(await tinyJob(job, tinyDataset("regress"))),
    await trained(await tinyJob(job, tinyDataset("regress")), { clock: clockOf(1_000) }),
  ];
  const failed = defined(ofKind(together, "failed")[0], "the failed event");
  expect(failed).toMatchObject({ blame: "job", code: "backend/loss-not-finite" });
  expect(failed.step).toBeGreaterThan(3);
  expect(ofKind(oneByOne, "failed")).toEqual([failed]);
});

const FOUR_CLASSES = CLASSIFIER.replaceAll('"units": 3', '"units": 4').replaceAll('"classes": 3', '"classes": 4');

test.each<[string, Partial<TrainingJob>, string]>([
  ["a batch of none", { batchSize: 0 }, "setting-invalid"],
  ["a batch larger than the data", { batchSize: 84 }, "setting-invalid"],
  ["half an epoch", { epochs: 1.5 }, "setting-invalid"],
  ["no thread", { threads: 0 }, "setting-invalid"],
  ["no steps between checkpoints", { checkpointEverySteps: 0 }, "setting-invalid"],
  ["a learning rate of 0", { learningRate: 0 }, "setting-invalid"],
  ["a learning rate that is no number", { learningRate: Number.NaN }, "setting-invalid"],
  ["a seed of 65 bits", { seed: "18446744073709551616" }, "setting-invalid"],
  ["a negative seed", { seed: "-1" }, "setting-invalid"],
  ["a graph for numbers", { graph: REGRESSOR }, "dataset-unfit"],
  ["a graph of four classes for three", { graph: FOUR_CLASSES }, "dataset-unfit"],
])("a job with %s fails by its own fault before any step", async (_name, changes, code) => {
  const events = await trained(await tinyJob(changes));
  expect(events).toMatchObject([{ kind: "failed", blame: "job", code: `backend/${code}`, step: 0 }]);
});

test("numbers for a classifier, and targets of another shape, do not fit", async () => {
  const numbers = await trained(await tinyJob({}, tinyDataset("regress")));
  expect(numbers).toMatchObject([{ kind: "failed", blame: "job", code: "backend/dataset-unfit" }]);
  const dataset = tinyDataset("regress");
  const wide: Dataset = {
    ...dataset,
    description: { ...dataset.description, targetShape: [2] },
    train: { ...dataset.train, y: new Float32Array(2 * dataset.train.count) },
    test: { ...dataset.test, y: new Float32Array(2 * dataset.test.count) },
  };
  const shaped = await trained(await tinyJob({ graph: REGRESSOR }, wide));
  expect(shaped).toMatchObject([{ kind: "failed", blame: "job", code: "backend/dataset-unfit" }]);
});

test("a graph that does not parse is the job's fault", async () => {
  const events = await trained(await tinyJob({ graph: "{}" }));
  expect(events).toMatchObject([{ kind: "failed", blame: "job", code: expect.stringMatching(/^graph\//) as string }]);
});

test("[TR6] a checkpoint of another run, or one that was changed, is refused", async () => {
  const checkpoint = defined(ofKind(await trained(await tinyJob()), "checkpoint").at(-1), "a checkpoint");
  for (const [changes, field] of [
    [{ seed: "1" }, "seed"],
    [{ batchSize: 4 }, "batch_size"],
    [{ graph: CLASSIFIER.replace("tiny", "tidy") }, "graph_sha256"],
    [{ epochs: 3 }, "step"],
  ] as const) {
    const [failed] = await trained(await tinyJob({ ...changes, resumeFrom: checkpoint.path }));
    expect(failed).toMatchObject({ kind: "failed", code: "backend/checkpoint-mismatch" });
    expect(failed).toHaveProperty("message", expect.stringContaining(`its ${field} is`));
  }
  const job = await tinyJob();
  const changed = join(job.datasetPath, "..", "changed");
  await using file = await SafetensorsFile.open(checkpoint.path);
  await writeSafetensors(changed, new Map([["w", { shape: [1], data: Float32Array.of(1) }]]), {
    ...file.header.metadata,
  });
  expect(await trained({ ...job, resumeFrom: changed })).toMatchObject([{ code: "backend/checkpoint-mismatch" }]);
  await writeFile(changed, (await readFile(checkpoint.path)).subarray(0, 500));
  expect(await trained({ ...job, resumeFrom: changed })).toMatchObject([{ code: "backend/safetensors-malformed" }]);
});

test("[TR8] too much memory, a driver that fails and a dataset that is not there are the node's fault", async () => {
  const memory = { usedBytes: () => 2_000, limitBytes: 1_000 };
  expect((await trained(await tinyJob(), { memory })).at(-1)).toMatchObject({
    blame: "node",
    code: "backend/memory-exceeded",
    step: 1,
  });
  const broken: TrainingDriver = { ...driver, open: () => Promise.reject(new TypeError("bad_alloc")) };
  expect(await trained(await tinyJob(), { driver: broken })).toMatchObject([
    { blame: "node", code: "backend/driver-failed" },
  ]);
  const absent = await trained(await tinyJob({ datasetPath: "/nowhere/data" }));
  expect(absent).toMatchObject([{ blame: "node", code: "backend/file-unreadable" }]);
});

test("a run is as long as its time allows, within the caps, and leaves few single steps", () => {
  const length = (updateMs: number, bytes: number, stretches: readonly number[], updatesPerStep = 1): number =>
    runLength(updateMs, bytes, { stretches, updatesPerStep });
  expect(length(5, 1_000, [250, 250])).toBe(10);
  expect(length(5, 1_000, [247, 247])).toBe(19);
  expect(length(0, 1_000, [1_000, 1_000])).toBe(50);
  expect(length(0.1, 1_000, [7, 100])).toBe(7);
  expect(length(300, 1_000, [250])).toBe(1);
  expect(length(1, 60 * 1024 * 1024, [250])).toBe(1);
  expect(length(0.1, 1_000, [250], 4), "whole steps").toBe(40);
  expect(length(10, 1_000, [250], 16), "an even part of a step that takes too long").toBe(8);
});
