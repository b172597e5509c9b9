import { defined, isError } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { COMPILE_ERRORS } from "./compile-errors.ts";
import { compile } from "./compile.ts";
import type { CompiledModel } from "./compiled-model.ts";
import { graphOf, predict, randomFloats, randomState, sizeOf, trainOnce } from "./run-compiled.fixture.ts";
import type { GraphRows, Tensors } from "./run-compiled.fixture.ts";

const SAMPLE = [2, 8, 8];
const CNN: GraphRows = {
  layers: {
    conv: ["Conv2D", { filters: 4, activation: "relu" }],
    pool: ["MaxPool2D"],
    norm: ["BatchNorm"],
    drop: ["Dropout", { rate: 0.25 }],
    flat: ["Flatten"],
    last: ["Dense", { units: 3 }],
    out: ["Output", { classes: 3 }],
  },
  optimizer: ["Adam"],
};

function setup(stepsPerRun: number, rows: GraphRows = CNN): CompiledModel {
  return compile(graphOf(rows), { batchSize: 4, sampleShape: SAMPLE, stepsPerRun });
}

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("a compiled model says what a driver feeds and reads", () => {
  const model = setup(5);
  expect(model).toMatchObject({ batchSize: 4, sampleShape: SAMPLE, outputShape: [3], task: "classify" });
  expect(model.defaultLearningRate).toBe(0.001);
  expect(model.train).toMatchObject({ stepsPerRun: 5, scalarNames: ["adam_rate", "adam_epsilon"] });
  expect(model.train.dropout).toEqual([{ name: "drop.mask", lane: 4, shape: [4, 4, 4], rate: 0.25 }]);
  expect(model.state.filter(({ role }) => role !== "optimizer").map(({ name, shape }) => [name, shape])).toEqual([
    ["conv.weight", [4, 2, 3, 3]],
    ["conv.bias", [4]],
    ["norm.weight", [4]],
    ["norm.bias", [4]],
    ["norm.running_mean", [4]],
    ["norm.running_var", [4]],
    ["last.weight", [3, 64]],
    ["last.bias", [3]],
  ]);
  const moments = model.state.filter(({ role }) => role === "optimizer");
  expect(moments.every(({ init }) => init.kind === "zeros")).toBe(true);
  expect(moments).toHaveLength(12);
});

test("[CM1] the same graph and options give the same bytes", () => {
  expect(setup(3).train.onnx).toEqual(setup(3).train.onnx);
  expect(setup(3).predict.onnx).toEqual(setup(3).predict.onnx);
});

test("[CM2] K steps in one run are K runs of one step, bit for bit", async () => {
  const steps = 4;
  const [loop, single] = [setup(steps), setup(1)];
  const size = 4 * sizeOf(SAMPLE);
  const xs = randomFloats(steps * size, 1);
  const ys = Float32Array.from({ length: steps * 4 }, (_, index) => index % 3);
  const mask = randomFloats(steps * 4 * 64, 2).map((value) => (value < -0.5 ? 0 : 4 / 3));
  const masks = (part: Float32Array): Tensors => new Map([["drop.mask", part]]);
  const whole = await trainOnce(loop, randomState(loop), { xs, ys, masks: masks(mask) });

  let state = randomState(single);
  const losses: number[] = [];
  const correct: number[] = [];
  for (let step = 0; step < steps; step++) {
    const result = await trainOnce(single, state, {
      xs: xs.slice(step * size, (step + 1) * size),
      ys: ys.slice(step * 4, (step + 1) * 4),
      masks: masks(mask.slice(step * 256, (step + 1) * 256)),
      firstStep: step + 1,
    });
    state = result.state;
    losses.push(...result.losses);
    correct.push(...(result.correct ?? []));
  }
  expect([...whole.losses]).toEqual(losses);
  expect([...(whole.correct ?? [])]).toEqual(correct);
  for (const [name, values] of whole.state) expect(values, name).toEqual(state.get(name));
});

test("training learns: the loss falls, and `correct` counts the whole batch in the end", async () => {
  const model = compile(
    graphOf({ ...CNN, layers: { flat: ["Flatten"], last: ["Dense", { units: 3 }], out: ["Output", { classes: 3 }] } }),
    { batchSize: 4, sampleShape: SAMPLE, stepsPerRun: 60 },
  );
  const batch = randomFloats(4 * sizeOf(SAMPLE), 3);
  const xs = Float32Array.from({ length: 60 * batch.length }, (_, index) => batch[index % batch.length] ?? 0);
  const ys = Array.from({ length: 240 }, (_, index) => [0, 1, 2, 1][index % 4] ?? 0);
  const { losses, correct } = await trainOnce(model, randomState(model), { xs, ys, learningRate: 0.01 });
  expect(losses.at(-1)).toBeLessThan(0.05);
  expect(correct?.at(-1)).toBe(4);
});

test("a regression has no `correct`, and its labels have the answer's shape", async () => {
  const model = setup(1, { ...CNN, loss: "MSELoss" });
  expect(model.task).toBe("regress");
  const mask = new Map([["drop.mask", new Float32Array(256).fill(1)]]);
  const xs = randomFloats(4 * sizeOf(SAMPLE), 1);
  const result = await trainOnce(model, randomState(model), { xs, ys: randomFloats(12, 2), masks: mask });
  expect(result.correct).toBeUndefined();
  expect(result.losses).toHaveLength(1);
});

test("[CM5] a prediction takes any number of samples and does not depend on the others", async () => {
  const model = setup(1);
  const state = randomState(model);
  const xs = randomFloats(7 * sizeOf(SAMPLE), 9);
  const all = await predict(model, state, xs);
  expect(all).toHaveLength(21);
  const last = await predict(model, state, xs.slice(6 * sizeOf(SAMPLE)));
  for (const [index, value] of last.entries()) expect(value).toBeCloseTo(defined(all[18 + index], "a score"), 5);
});

test("the loss may take scores where the answer is a Softmax of them", async () => {
  const layers = {
    scores: ["Dense", { units: 3 }],
    chances: ["Softmax"],
    drop: ["Dropout"],
    out: ["Output", { classes: 3 }],
  } as const;
  const drawn = graphOf({ layers });
  const links = drawn.links.map((link) =>
    link.to.node === "loss" && link.to.pin === 0 ? { ...link, from: { node: "scores", pin: 0 } } : link,
  );
  const model = compile({ ...drawn, links }, { batchSize: 2, sampleShape: [4], stepsPerRun: 1 });
  expect(model.train.dropout).toEqual([]);
  const state = randomState(model);
  const x = randomFloats(8, 1);
  const answer = await predict(model, state, x);
  expect((answer[0] ?? 0) + (answer[1] ?? 0) + (answer[2] ?? 0)).toBeCloseTo(1, 6);
  const { losses } = await trainOnce(model, state, { xs: x, ys: [0, 1] });
  expect(losses[0]).toBeCloseTo((-Math.log(answer[0] ?? 0) - Math.log(answer[4] ?? 0)) / 2, 5);
});

test("[CM6] a graph that is wrong is refused with every problem and its fix", () => {
  const rows: GraphRows = { layers: { last: ["Dense", { units: 3 }], out: ["Output", { classes: 3 }] } };
  const error = caught(() => setup(1, rows));
  expect(isError(error, COMPILE_ERRORS.GRAPH_INVALID) && error.message).toContain("insert a Flatten before it");
});

test.each([
  [{ batchSize: 0 }, "batchSize is 0"],
  [{ batchSize: 1.5 }, "batchSize is 1.5"],
  [{ stepsPerRun: 5_000 }, "stepsPerRun is 5000, allowed is a whole number from 1 to 1024"],
  [{ batchSize: 65_536, stepsPerRun: 1_024 }, "stepsPerRun × batchSize × sample elements is 8589934592"],
])("%j is refused with what is allowed", (given, message) => {
  const options = { batchSize: 4, sampleShape: SAMPLE, stepsPerRun: 1, ...given };
  const error = caught(() => compile(graphOf(CNN), options));
  expect(isError(error, COMPILE_ERRORS.OPTION_OUT_OF_RANGE) && error.message).toContain(message);
});

test("batch statistics of a single value are refused, with the layer's name", () => {
  const layers = {
    flat: ["Flatten"],
    norm: ["BatchNorm"],
    last: ["Dense", { units: 3 }],
    out: ["Output", { classes: 3 }],
  } as const;
  const error = caught(() => compile(graphOf({ layers }), { batchSize: 1, sampleShape: SAMPLE, stepsPerRun: 1 }));
  expect(isError(error, COMPILE_ERRORS.BATCH_TOO_SMALL) && error.message).toContain('the layer "the norm"');
});
