/** A network wide enough that ONNX Runtime parts its products by the number of threads, and so sums in another order. */
import { sequential, writeCyxwiz } from "@cyxwiz/graph";
import { defined, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import type { Dataset, Samples } from "../dataset/samples.ts";
import { ofKind, replayed, trained } from "./run-job.fixture.ts";
import { tinyJob } from "./tiny-job.fixture.ts";

const FEATURES = 784;
const CLASSES = 10;

const WIDE = writeCyxwiz(
  sequential("wide", [
    ["Dense", { units: 64 }],
    ["ReLU"],
    ["Dense", { units: CLASSES }],
    ["Output", { classes: CLASSES }],
    ["CrossEntropyLoss"],
    ["Adam", { learning_rate: 0.01 }],
  ]),
);

/** Random pixels, each picture of the class whose turn it is. */
function wideDataset(): Dataset {
  const samples = (count: number, index: number): Samples => {
    const random = new PhiloxStream(12n, STREAM.simulation, index);
    return {
      count,
      x: Float32Array.from({ length: count * FEATURES }, () => random.nextUnit()),
      y: BigInt64Array.from({ length: count }, (_, number) => BigInt(number % CLASSES)),
    };
  };
  return {
    description: {
      trainSamples: 128,
      testSamples: 32,
      sampleShape: [FEATURES],
      classes: CLASSES,
      classNames: Array.from({ length: CLASSES }, (_, number) => String(number)),
      targetShape: [],
      scaling: { scale: 1, offset: 0 },
    },
    train: samples(128, 0),
    test: samples(32, 1),
  };
}

test.each([1, 2, 3])(
  "[TR12] a run with %i threads is bit-equal when its steps are run again with as many, on whatever machine",
  async (threads) => {
    const settings = { graph: WIDE, batchSize: 32, epochs: 3, checkpointEverySteps: 4, threads };
    const job = await tinyJob(settings, wideDataset());
    const [start, end] = ofKind(await trained(job), "checkpoint");
    const { path } = defined(start, "the start of the interval");
    const replay = { toStep: 8, withModel: false };
    for (const interval of [
      { ...job, replay },
      { ...job, resumeFrom: path, replay },
    ]) {
      expect(replayed(await trained(interval)).endSha256).toBe(end?.sha256);
    }
  },
);
