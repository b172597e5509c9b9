/** Three small networks, trained here and, once, by PyTorch: `vectors/README.md` says how. */
import { defined } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { compile } from "./compile.ts";
import { graphOf, predict, sizeOf, trainOnce } from "./run-compiled.fixture.ts";
import type { GraphRows } from "./run-compiled.fixture.ts";
import vectors from "./vectors/pytorch.json" with { type: "json" };

const STEPS = 3;
const BATCH = 4;

interface Recorded {
  readonly losses: readonly number[];
  readonly state: Readonly<Record<string, readonly number[]>>;
  readonly predictions: readonly number[];
}

interface Case extends GraphRows {
  readonly sample: readonly number[];
  readonly learningRate: number;
  readonly recorded: Recorded;
}

const CASES: Readonly<Record<string, Case>> = {
  "a convolutional network with SGD": {
    sample: [2, 8, 8],
    learningRate: 0.05,
    recorded: vectors.cnn,
    optimizer: ["SGD", { momentum: 0.9, weight_decay: 0.01 }],
    layers: {
      conv: ["Conv2D", { filters: 4 }],
      norm: ["BatchNorm"],
      clip: ["ReLU"],
      pool: ["MaxPool2D"],
      wide: ["Conv2D", { filters: 8, stride: 2, padding: 1, bias: false }],
      bend: ["Tanh"],
      deep: ["Conv2D", { filters: 4, kernel_size: 2, padding: "valid" }],
      flat: ["Flatten"],
      last: ["Dense", { units: 3 }],
      out: ["Output", { classes: 3 }],
    },
  },
  "a residual network of features with Adam": {
    sample: [6],
    learningRate: 0.01,
    recorded: vectors.mlp,
    optimizer: ["Adam"],
    layers: {
      first: ["Dense", { units: 5 }],
      norm: ["LayerNorm"],
      gelu: ["GELU"],
      more: ["Dense", { units: 5, bias: false }],
      gate: ["Sigmoid"],
      sum: ["Add", {}, ["gelu", "gate"]],
      last: ["Dense", { units: 3 }],
      out: ["Output", { classes: 3 }],
    },
  },
  "a regression on sequences with AdamW": {
    sample: [3, 3],
    learningRate: 0.01,
    recorded: vectors.sequence,
    loss: "MSELoss",
    optimizer: ["AdamW", { weight_decay: 0.1 }],
    layers: {
      first: ["Dense", { units: 4 }],
      chances: ["Softmax"],
      last: ["Dense", { units: 2 }],
      out: ["Output", { classes: 2 }],
    },
  },
};

/** The formula of `make_vectors.py`. */
function fill(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => ((index * 7919 + seed * 104_729) % 1009) / 1009 - 0.5);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function expectClose(actual: Float32Array, expected: readonly number[], what: string): void {
  expect(actual.length, what).toBe(expected.length);
  for (const [index, value] of expected.entries()) expect(actual[index], `${what}[${index}]`).toBeCloseTo(value, 5);
}

test.each(Object.entries(CASES))("%s gives PyTorch's losses, weights and predictions", async (_name, given) => {
  const { sample, learningRate, recorded } = given;
  const model = compile(graphOf(given), { batchSize: BATCH, sampleShape: sample, stepsPerRun: STEPS });
  let seed = 0;
  const state = new Map(
    model.state.map(({ name, shape, role, init }) => {
      const start = new Float32Array(sizeOf(shape)).fill(init.kind === "ones" ? 1 : 0);
      return [name, role === "weight" ? fill(start.length, ++seed) : start];
    }),
  );
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  const xs = joined(steps.map((step) => fill(BATCH * sizeOf(sample), 100 + step)));
  const ys =
    model.task === "classify"
      ? Array.from({ length: STEPS * BATCH }, (_, index) => (index % BATCH) % 3)
      : joined(steps.map((step) => fill(BATCH * sizeOf(model.outputShape), 200 + step)));
  const result = await trainOnce(model, state, { xs, ys, learningRate });

  expectClose(result.losses, recorded.losses, "losses");
  for (const { name, role } of model.state) {
    if (role !== "optimizer") {
      expectClose(defined(result.state.get(name), name), defined(recorded.state[name], name), name);
    }
  }
  const answers = await predict(model, result.state, fill(BATCH * sizeOf(sample), 300));
  expectClose(answers, recorded.predictions, "predictions");
});
