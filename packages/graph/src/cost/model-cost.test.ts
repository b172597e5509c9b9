import { assert, AssertionError } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import { sequential } from "../model/build-graph.ts";
import type { LayerEntry } from "../model/build-graph.ts";
import { digitsCnn } from "../model/patterns/digits-cnn.ts";
import { inferShapes } from "../shape/infer-shapes.ts";
import type { ShapedGraph } from "../shape/infer-shapes.ts";
import { costOf } from "./model-cost.ts";

/** Dense 4 → 8 → 3 with an optimizer of choice: 8·4 + 8 + 3·8 + 3 = 67 weights in 4 tensors. */
function small(optimizer: LayerEntry, extra: readonly LayerEntry[] = []): ShapedGraph {
  const layers: LayerEntry[] = [["Dense", { units: 8 }], ...extra, ["Dense", { units: 3 }], ["Output", { classes: 3 }]];
  const shaped = inferShapes(sequential("g", [...layers, ["CrossEntropyLoss"], optimizer]), [4]);
  assert(shaped.kind === "ok", "expected a sound graph");
  return shaped;
}

test("[CO1] weights are counted as PyTorch counts the same network's", () => {
  const shaped = inferShapes(digitsCnn(), [1, 28, 28]);
  assert(shaped.kind === "ok", "expected a sound graph");
  expect(costOf(shaped, 1).parameterCount).toBe(8 * 9 + 8 + 24 * 8 * 9 + 24 + 600 * 64 + 64 + 64 * 10 + 10);
});

test("[CO2] operations are the layers' and the optimizer's share", () => {
  const forward = 2 * 32 + 8 + (2 * 24 + 3) + 6 * 3;
  const backward = 4 * 32 + 8 + (4 * 24 + 3) + 3 * 3;
  const cost = costOf(small(["Adam"]), 10);
  expect(cost.forwardFlopsPerSample).toBe(forward);
  expect(cost.trainFlopsPerSample).toBe(forward + backward + 67);
  const optimizerShare = (optimizer: LayerEntry): number =>
    costOf(small(optimizer), 1).trainFlopsPerSample - forward - backward;
  expect(optimizerShare(["SGD"])).toBe(2 * 67);
  expect(optimizerShare(["SGD", { momentum: 0.9 }])).toBe(4 * 67);
  expect(optimizerShare(["AdamW"])).toBe(12 * 67);
});

test("[CO3] the optimizer keeps none, one or two tensors per weight", () => {
  expect(costOf(small(["SGD"]), 1)).toMatchObject({ weightBytes: 268, optimizerBytes: 0 });
  expect(costOf(small(["SGD", { momentum: 0.9 }]), 1).optimizerBytes).toBe(268);
  expect(costOf(small(["Adam"]), 1).optimizerBytes).toBe(536);
  const withStatistics = costOf(small(["SGD"], [["BatchNorm"]]), 1);
  expect(withStatistics.parameterCount).toBe(67 + 16);
  expect(withStatistics.weightBytes).toBe(4 * (67 + 16 + 16));
});

test("[CO4] activations grow with depth, a sample does not", () => {
  const cost = costOf(small(["SGD"]), 1);
  expect(cost.activationBytesPerSample).toBe(4 * 4 + 4 * 8 + 4 * 3);
  expect(cost.sampleBytes).toBe(16);
});

test("[CO5] a step holds state five times, gradients once, and the batch's values", () => {
  const cost = costOf(small(["Adam"]), 32);
  const working = 8 * (4 + 8);
  expect(cost.peakTrainingBytes).toBe(5 * (268 + 536) + 268 + 32 * (cost.activationBytesPerSample + working));
});

test("[CO6] a checkpoint holds every tensor and a header", () => {
  expect(costOf(small(["SGD"]), 1).checkpointBytes).toBe(268 + 4 * 192 + 1024);
  expect(costOf(small(["Adam"]), 1).checkpointBytes).toBe(268 * 3 + 12 * 192 + 1024);
});

test("a batch size that is none is our own mistake", () => {
  expect(() => costOf(small(["SGD"]), 0)).toThrow(AssertionError);
});
