/** Optimizers in the graph against PyTorch's formulas in float64, over the gradients that the reference gives. */
import { defined } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { compile } from "./compile.ts";
import { forward, lossOf } from "./reference-network.fixture.ts";
import { graphOf, randomFloats, randomState, trainOnce } from "./run-compiled.fixture.ts";
import type { LayerRow } from "./run-compiled.fixture.ts";

const BATCH = 4;
const STEPS = 5;
const DIFFERENCE = 1e-5;

interface Slots {
  first: Float64Array;
  second: Float64Array;
}

/** One step of PyTorch's update of one element: documentation of torch.optim, in its own order. */
type Rule = (weight: number, gradient: number, slots: { first: number; second: number }, step: number) => number;

const RATE = 0.05;
const sgdRule =
  (momentum: number, decay: number): Rule =>
  (weight, gradient, slots, step) => {
    const decayed = gradient + decay * weight;
    slots.first = step === 1 ? decayed : momentum * slots.first + decayed;
    return weight - RATE * slots.first;
  };
const adamRule =
  (options: { decay: number; decoupled: boolean; beta1: number; beta2: number; epsilon: number }): Rule =>
  (weight, gradient, slots, step) => {
    const { decay, decoupled, beta1, beta2, epsilon } = options;
    const start = decoupled ? weight - RATE * decay * weight : weight;
    const decayed = decoupled ? gradient : gradient + decay * weight;
    slots.first = beta1 * slots.first + (1 - beta1) * decayed;
    slots.second = beta2 * slots.second + (1 - beta2) * decayed ** 2;
    const root = Math.sqrt(slots.second) / Math.sqrt(1 - beta2 ** step);
    return start - ((RATE / (1 - beta1 ** step)) * slots.first) / (root + epsilon);
  };
const usual = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

const CASES: readonly (readonly [optimizer: LayerRow, rule: Rule])[] = [
  [["SGD"], sgdRule(0, 0)],
  [["SGD", { momentum: 0.9 }], sgdRule(0.9, 0)],
  [["SGD", { momentum: 0.5, weight_decay: 0.1 }], sgdRule(0.5, 0.1)],
  [["SGD", { weight_decay: 0.1 }], sgdRule(0, 0.1)],
  [["Adam"], adamRule({ ...usual, decay: 0, decoupled: false })],
  [
    ["Adam", { beta1: 0.8, beta2: 0.95, epsilon: 0.01 }],
    adamRule({ beta1: 0.8, beta2: 0.95, epsilon: 0.01, decay: 0, decoupled: false }),
  ],
  [["Adam", { weight_decay: 0.1 }], adamRule({ ...usual, decay: 0.1, decoupled: false })],
  [["AdamW"], adamRule({ ...usual, decay: 0.01, decoupled: true })],
  [["AdamW", { weight_decay: 0 }], adamRule({ ...usual, decay: 0, decoupled: true })],
];

test.each(CASES)("[CM4] %j takes the steps that PyTorch's formula takes", async (optimizer, rule) => {
  const graph = graphOf({
    layers: {
      first: ["Dense", { units: 3 }],
      act: ["Tanh"],
      last: ["Dense", { units: 2 }],
      out: ["Output", { classes: 2 }],
    },
    loss: "MSELoss",
    optimizer,
  });
  const model = compile(graph, { batchSize: BATCH, sampleShape: [3], stepsPerRun: STEPS });
  const state = randomState(model);
  const xs = randomFloats(STEPS * BATCH * 3, 7);
  const ys = randomFloats(STEPS * BATCH * 2, 8);
  const result = await trainOnce(model, state, { xs, ys, learningRate: RATE });

  const names = model.state.filter((tensor) => tensor.role === "weight").map((tensor) => tensor.name);
  let weights = new Map(names.map((name) => [name, Float64Array.from(defined(state.get(name), name))]));
  const slots = new Map<string, Slots>(
    [...weights].map(([name, { length }]) => [
      name,
      { first: new Float64Array(length), second: new Float64Array(length) },
    ]),
  );
  for (let step = 1; step <= STEPS; step++) {
    const data = Float64Array.from(xs.subarray((step - 1) * BATCH * 3, step * BATCH * 3));
    const labels = ys.subarray((step - 1) * BATCH * 2, step * BATCH * 2);
    const before = weights;
    const loss = (at: ReadonlyMap<string, Float64Array>): number =>
      lossOf(
        forward({ graph, mode: "train", x: { shape: [BATCH, 3], data }, weights: at }).predictions,
        labels,
        "regress",
      );
    expect(result.losses[step - 1]).toBeCloseTo(loss(before), 5);
    weights = new Map(
      [...before].map(([name, values]) => {
        const kept = defined(slots.get(name), name);
        const moved = values.map((weight, index) => {
          const shifted = (by: number) => new Map(before).set(name, values.with(index, weight + by));
          const gradient = (loss(shifted(DIFFERENCE)) - loss(shifted(-DIFFERENCE))) / (2 * DIFFERENCE);
          const slot = { first: kept.first[index] ?? 0, second: kept.second[index] ?? 0 };
          const next = rule(weight, gradient, slot, step);
          kept.first[index] = slot.first;
          kept.second[index] = slot.second;
          return next;
        });
        return [name, moved];
      }),
    );
  }
  for (const [name, expected] of weights) {
    const actual = defined(result.state.get(name), name);
    for (const [index, value] of expected.entries()) expect(actual[index], `${name}[${index}]`).toBeCloseTo(value, 4);
  }
});

test("an optimizer keeps only the tensors and scalars that its settings need", () => {
  const summary = (optimizer: LayerRow) => {
    const layers = { last: ["Dense", { units: 2, bias: false }], out: ["Output", { classes: 2 }] } as const;
    const model = compile(graphOf({ layers, optimizer }), { batchSize: 1, sampleShape: [3], stepsPerRun: 1 });
    return [model.state.map((tensor) => tensor.name), model.train.scalarNames];
  };
  expect(summary(["SGD"])).toEqual([["last.weight"], ["learning_rate"]]);
  expect(summary(["SGD", { momentum: 0.9 }])[0]).toEqual(["last.weight", "last.weight.momentum_buffer"]);
  const moments = ["last.weight", "last.weight.adam_m", "last.weight.adam_v"];
  expect(summary(["Adam"])).toEqual([moments, ["adam_rate", "adam_epsilon"]]);
  expect(summary(["AdamW"])).toEqual([moments, ["adam_rate", "adam_epsilon", "weight_scale"]]);
});
