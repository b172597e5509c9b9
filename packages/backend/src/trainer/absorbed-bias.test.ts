import { compile, type LayerEntry, sequential } from "@cyxwiz/graph";
import { expect, test } from "vitest";
import { absorbedTensors } from "./absorbed-bias.ts";

const END: readonly LayerEntry[] = [
  ["Flatten"],
  ["Dense", { units: 3 }],
  ["Output", { classes: 3 }],
  ["CrossEntropyLoss"],
  ["Adam"],
];

function absorbed(sampleShape: readonly number[], layers: readonly LayerEntry[]): readonly string[] {
  const graph = sequential("norms", [...layers, ...END]);
  return [...absorbedTensors(graph, compile(graph, { batchSize: 4, sampleShape, stepsPerRun: 1 }))].toSorted();
}

test("[TR13] a bias that a BatchNorm takes away is found, with the running mean that follows it", () => {
  expect(absorbed([6], [["Dense", { units: 8 }], ["BatchNorm"], ["ReLU"]])).toEqual([
    "batchnorm-1.running_mean",
    "dense-1.bias",
  ]);
  expect(absorbed([1, 8, 8], [["Conv2D", { filters: 4 }], ["BatchNorm"], ["BatchNorm"]])).toEqual([
    "batchnorm-1.bias",
    "batchnorm-1.running_mean",
    "batchnorm-2.running_mean",
    "conv2d-1.bias",
  ]);
});

test("[TR13] a bias that shows behind a rate, a curve or a norm of other axes is no noise, and none is none", () => {
  expect(absorbed([6], [["Dense", { units: 8 }], ["ReLU"], ["BatchNorm"]])).toEqual([]);
  expect(absorbed([6], [["Dense", { units: 8 }], ["Dropout"], ["BatchNorm"]])).toEqual([]);
  expect(absorbed([6], [["Dense", { units: 8, bias: false }], ["BatchNorm"]])).toEqual([]);
  expect(absorbed([6], [["BatchNorm"], ["Dense", { units: 8 }]])).toEqual([]);
});
