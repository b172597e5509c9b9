/** A training that takes a moment: what the tests of trainer and process run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LayerEntry, sequential, writeCyxwiz } from "@cyxwiz/graph";
import { PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { onTestFinished } from "vitest";
import { writeDataset } from "../dataset/dataset-object.ts";
import type { Dataset, Samples } from "../dataset/samples.ts";
import type { TrainingJob } from "./training-job.ts";

export const FEATURES = 6;
const TRAIN = 83;
const TEST = 21;

const HIDDEN: readonly LayerEntry[] = [["Dense", { units: 16 }], ["BatchNorm"], ["ReLU"], ["Dropout", { rate: 0.2 }]];

export const CLASSIFIER: string = writeCyxwiz(
  sequential("tiny", [
    ...HIDDEN,
    ["Dense", { units: 3 }],
    ["Output", { classes: 3 }],
    ["CrossEntropyLoss"],
    ["Adam", { learning_rate: 0.01 }],
  ]),
);
export const REGRESSOR: string = writeCyxwiz(
  sequential("tiny", [
    ["Dense", { units: 1 }],
    ["Output", { classes: 1 }],
    ["MSELoss"],
    ["SGD", { learning_rate: 0.05 }],
  ]),
);

/** Features in [−0.5, 0.5); the class is where the largest of the first three is, the number is their sum. */
export function tinyDataset(task: "classify" | "regress"): Dataset {
  const samples = (count: number, index: number): Samples => {
    const random = new PhiloxStream(11n, STREAM.simulation, index);
    const x = Float32Array.from({ length: count * FEATURES }, () => random.nextUnit() - 0.5);
    const threes = Array.from({ length: count }, (_, i) => x.subarray(i * FEATURES, i * FEATURES + 3));
    const y =
      task === "classify"
        ? BigInt64Array.from(threes, (three) => BigInt(three.indexOf(Math.max(...three))))
        : Float32Array.from(threes, (three) => three.reduce((sum, value) => sum + value, 0));
    return { count, x, y };
  };
  const classNames = task === "classify" ? ["a", "b", "c"] : [];
  return {
    description: {
      trainSamples: TRAIN,
      testSamples: TEST,
      sampleShape: [FEATURES],
      classes: classNames.length,
      classNames,
      targetShape: task === "classify" ? [] : [1],
      scaling: { scale: 1, offset: 0 },
    },
    train: samples(TRAIN, 0),
    test: samples(TEST, 1),
  };
}

/** A job of 4 epochs of 10 steps, with a checkpoint every 7, in a folder of its own that goes with the test. */
export async function tinyJob(
  changes: Partial<TrainingJob> = {},
  dataset: Dataset = tinyDataset("classify"),
): Promise<TrainingJob> {
  const folder = await mkdtemp(join(tmpdir(), "trainer-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const datasetPath = join(folder, "dataset.safetensors");
  await writeDataset(datasetPath, dataset);
  return {
    graph: CLASSIFIER,
    datasetPath,
    batchSize: 8,
    epochs: 4,
    seed: "18446744073709551615",
    checkpointEverySteps: 7,
    outputDir: join(folder, "out"),
    threads: 1,
    ...changes,
  };
}
