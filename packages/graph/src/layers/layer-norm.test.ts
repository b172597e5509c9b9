import { expect, test } from "vitest";
import { layerNorm } from "./layer-norm.ts";
import { withParams } from "./with-params.contract.ts";

test("LayerNorm keeps any shape, and refuses a single feature", () => {
  const params = withParams(layerNorm);
  expect(layerNorm.infer([[4, 7]], params)).toEqual({ kind: "shape", shape: [4, 7] });
  expect(layerNorm.infer([[4, 1]], params)).toMatchObject({
    kind: "problem",
    message: expect.stringContaining("[4, 1]"),
    fix: "remove it, or give the layer before it more units",
  });
});

test("LayerNorm trains a scale and a shift per feature of the last axis", () => {
  expect(layerNorm.parameters("n", [[4, 7]], withParams(layerNorm))).toEqual([
    { name: "n.weight", shape: [7], init: { kind: "ones" }, role: "weight" },
    { name: "n.bias", shape: [7], init: { kind: "zeros" }, role: "weight" },
  ]);
  expect(layerNorm.cost([[10]], [10], withParams(layerNorm)).forwardFlops).toBe(80);
});
