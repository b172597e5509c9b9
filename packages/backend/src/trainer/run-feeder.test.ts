import { compile, parseCyxwiz } from "@cyxwiz/graph";
import { defined, permutation, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { BatchSource } from "../dataset/batch-source.ts";
import type { RunInputs } from "../driver/training-driver.ts";
import { initialState } from "./initial-state.ts";
import { RunFeeder } from "./run-feeder.ts";
import { CLASSIFIER, FEATURES, tinyDataset } from "./tiny-job.fixture.ts";
import { TrainingPlan } from "./training-plan.ts";

const BATCH = 8;
const SEED = 77n;

function setup(stepsPerRun: number) {
  const model = compile(parseCyxwiz(CLASSIFIER), { batchSize: BATCH, sampleShape: [FEATURES], stepsPerRun });
  const { train, description } = tinyDataset("classify");
  const settings = { batchSize: BATCH, epochs: 3, checkpointEverySteps: 100 };
  const job = { ...settings, graph: "", datasetPath: "", outputDir: "", seed: String(SEED), threads: 1 };
  const plan = new TrainingPlan(job, train.count);
  const feeder = new RunFeeder(new BatchSource(train, description.scaling), plan, SEED);
  const inputsFrom = (step: number): RunInputs =>
    feeder.inputs(model, { step, part: 0, update: step, learningRate: 0.5 });
  return { model, train, feeder, inputsFrom };
}

test("[TR1] weights start from their own lane of the seed, within ±1/√fan-in, and the rest at 0 or 1", () => {
  const { model } = setup(1);
  const state = initialState(model, SEED);
  for (const [lane, { name, init }] of model.state.entries()) {
    const values = defined(state.get(name), name);
    if (init.kind !== "fan-in-uniform") {
      expect(new Set(values)).toEqual(new Set([init.kind === "ones" ? 1 : 0]));
      continue;
    }
    const random = new PhiloxStream(SEED, STREAM.initialWeights, 0, lane);
    const bound = 1 / Math.sqrt(init.fanIn);
    expect([...values]).toEqual(Array.from(values, () => Math.fround((2 * random.nextUnit() - 1) * bound)));
  }
});

test("[TR2] epoch e sees the samples in the order of shuffle stream e, without the incomplete batch", () => {
  const { train, inputsFrom } = setup(1);
  const order = permutation(train.count, new PhiloxStream(SEED, STREAM.shuffle, 2));
  for (const [step, offset] of [
    [11, 0],
    [20, 9 * BATCH],
  ] as const) {
    const { xs, ys } = inputsFrom(step);
    const rows = [...order.subarray(offset, offset + BATCH)];
    expect([...ys]).toEqual(rows.map((row) => train.y[row]));
    for (const [i, row] of rows.entries()) {
      expect(xs.subarray(i * FEATURES, (i + 1) * FEATURES)).toEqual(
        train.x.subarray(row * FEATURES, (row + 1) * FEATURES),
      );
    }
  }
});

test("[TR3] the mask of update t comes from dropout stream t in the layer's lane, and a run holds the masks of its steps", () => {
  const { model, inputsFrom } = setup(4);
  const { masks } = inputsFrom(9);
  const { rate, lane, shape } = defined(model.train.dropout[0], "the dropout layer");
  const size = BATCH * defined(shape[0], "its width");
  const expected = [9, 10, 11, 12].flatMap((step) => {
    const random = new PhiloxStream(SEED, STREAM.dropout, step, lane);
    return Array.from({ length: size }, () => (random.nextUnit() < rate ? 0 : Math.fround(1 / (1 - rate))));
  });
  expect([...defined(masks[0], "the mask")]).toEqual(expected);
});

test("the optimizer's scalars of a run are those of its steps", () => {
  const { model, inputsFrom } = setup(4);
  const { scalars } = inputsFrom(5);
  model.train.scalarNames.forEach((_, name) => {
    expect([...defined(scalars[name], "a scalar")]).toEqual(
      [5, 6, 7, 8].map((step) => Math.fround(defined(model.scalarsAt(step, 0.5)[name], "its value"))),
    );
  });
});

test("[TR10] updates of a smaller batch share out the step's own samples, and have numbers of their own", () => {
  const { inputsFrom, feeder } = setup(1);
  const small = compile(parseCyxwiz(CLASSIFIER), { batchSize: 2, sampleShape: [FEATURES], stepsPerRun: 3 });
  const step = inputsFrom(4);
  const begin = { step: 4, part: 0, update: 21, learningRate: 0.5 };
  const [first, second] = [feeder.inputs(small, begin), feeder.inputs(small, { ...begin, part: 3, update: 24 })];
  expect([...first.xs, ...second.xs.subarray(0, 2 * FEATURES)]).toEqual([...step.xs]);
  expect([...first.ys, ...second.ys.subarray(0, 2)]).toEqual([...step.ys]);
  expect([...second.ys.subarray(2)]).toEqual([...inputsFrom(5).ys.subarray(0, 4)]);
  expect(first.scalars.map((scalar) => scalar[2])).toEqual(small.scalarsAt(23, 0.5).map(Math.fround));
  const { masks } = feeder.inputs(small, { ...begin, part: 1, update: 22 });
  expect([...(masks[0] ?? [])].slice(0, 32)).toEqual([...(first.masks[0] ?? [])].slice(32, 64));
});
