import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { compile } from "./compile.ts";
import { LOWERING } from "./lowering.ts";
import { graphOf } from "./run-compiled.fixture.ts";
import type { GraphRows } from "./run-compiled.fixture.ts";

/** Together they use every layer, loss and optimizer. */
const GRAPHS: readonly (readonly [sample: readonly number[], rows: GraphRows])[] = [
  [
    [3, 12, 12],
    {
      layers: {
        conv: ["Conv2D", { filters: 8, activation: "relu" }],
        pool: ["MaxPool2D"],
        norm: ["BatchNorm"],
        wide: ["Conv2D", { filters: 8, bias: false }],
        clip: ["ReLU"],
        sum: ["Add", {}, ["norm", "clip"]],
        overlap: ["MaxPool2D", { pool_size: 3, stride: 1 }],
        mean: ["AvgPool2D"],
        bent: ["Tanh"],
        both: ["Concatenate", { dim: 1 }, ["mean", "bent"]],
        flat: ["Flatten"],
        drop: ["Dropout"],
        last: ["Dense", { units: 3 }],
        out: ["Output", { classes: 3 }],
      },
    },
  ],
  [
    [4, 6],
    {
      layers: {
        first: ["Dense", { units: 5 }],
        norm: ["LayerNorm"],
        gelu: ["GELU"],
        tanh: ["Tanh"],
        sigmoid: ["Sigmoid"],
        chances: ["Softmax"],
        out: ["Output", { classes: 5 }],
      },
      loss: "MSELoss",
      optimizer: ["AdamW"],
    },
  ],
  [
    [6],
    {
      layers: { norm: ["BatchNorm"], last: ["Dense", { units: 3, bias: false }], out: ["Output", { classes: 3 }] },
      optimizer: ["Adam", { weight_decay: 0.1 }],
    },
  ],
];

const DIGEST = "4bdd878c5f85eabd6f49369c455d805fc5b6d324091ce6cd147ab33498794010";

test("[CM7] the emitted graphs are those that the lowering's name stands for", () => {
  const hash = createHash("sha256");
  for (const [sampleShape, rows] of GRAPHS) {
    const model = compile(graphOf(rows), { batchSize: 4, sampleShape, stepsPerRun: 2 });
    hash
      .update(model.train.onnx)
      .update(model.predict.onnx)
      .update(JSON.stringify(model.scalarsAt(3, 0.01)));
  }
  // Another digest with results that differ in any bit means a new name in lowering.ts; with equal results, a new digest here.
  expect([LOWERING, hash.digest("hex")]).toEqual(["onnx-cpu-1", DIGEST]);
});
