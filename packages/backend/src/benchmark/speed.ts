/** What a machine can do, measured by training a fixed network on made-up digits for a moment. */
import { compile, costOf, inferShapes, sequential, type Graph } from "@cyxwiz/graph";
import type { Clock } from "@cyxwiz/platform";
import { assert, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import type { RunInputs, TrainingDriver } from "../driver/training-driver.ts";
import { initialState } from "../trainer/initial-state.ts";
import { hardwareClass } from "./hardware-class.ts";

export interface MeasuredSpeed {
  readonly trainFlopsPerSecond: number;
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
}

const BATCH = 32;
const STEPS_PER_RUN = 4;
const SAMPLE = [1, 28, 28];
const CLASSES = 10;

export interface SpeedOptions {
  readonly threads: number;
  readonly budgetMs: number;
}

/** Trains for `budgetMs` (at least one run) after one run that is not counted. FLOPs as `costOf` counts them. */
export async function trainForSpeed(
  driver: TrainingDriver,
  clock: Clock,
  options: SpeedOptions,
): Promise<MeasuredSpeed> {
  const graph = speedNetwork();
  const shaped = inferShapes(graph, SAMPLE);
  assert(shaped.kind === "ok", "the network that is measured is sound");
  const model = compile(graph, { batchSize: BATCH, sampleShape: SAMPLE, stepsPerRun: STEPS_PER_RUN });
  await using session = await driver.open(model, { threads: options.threads });
  await session.writeState(initialState(model, 0n));
  const inputs = syntheticInputs(model.train.scalarNames.map((_, i) => model.scalarsAt(1, 0.001)[i] ?? 0));
  await session.run(inputs);
  const start = clock.monotonic();
  let elapsedMs = 0;
  let samples = 0;
  do {
    await session.run(inputs);
    samples += STEPS_PER_RUN * BATCH;
    elapsedMs = clock.monotonic() - start;
  } while (elapsedMs < options.budgetMs);
  const flops = costOf(shaped, BATCH).trainFlopsPerSample * samples;
  const trainFlopsPerSecond = flops / (Math.max(elapsedMs, 0.001) / 1_000);
  return { trainFlopsPerSecond, lowering: model.lowering, build: driver.build, hardwareClass: hardwareClass() };
}

/** What is trained to measure. Fixed: a change makes new figures incomparable with those that nodes have registered. */
function speedNetwork(): Graph {
  return sequential("Speed", [
    ["Conv2D", { filters: 16 }],
    ["ReLU"],
    ["MaxPool2D"],
    ["Conv2D", { filters: 32 }],
    ["ReLU"],
    ["MaxPool2D"],
    ["Flatten"],
    ["Dense", { units: 64 }],
    ["ReLU"],
    ["Dense", { units: CLASSES }],
    ["Output"],
    ["CrossEntropyLoss"],
    ["Adam"],
  ]);
}

function syntheticInputs(scalars: readonly number[]): RunInputs {
  const random = new PhiloxStream(0n, STREAM.simulation, 0);
  const samples = STEPS_PER_RUN * BATCH;
  return {
    xs: Float32Array.from({ length: samples * 28 * 28 }, () => random.nextUnit()),
    ys: BigInt64Array.from({ length: samples }, (_, i) => BigInt(i % CLASSES)),
    scalars: scalars.map((value) => new Float32Array(STEPS_PER_RUN).fill(value)),
    masks: [],
  };
}
