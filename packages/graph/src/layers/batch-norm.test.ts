import { expect, test } from "vitest";
import { batchNorm } from "./batch-norm.ts";
import { withParams } from "./with-params.contract.ts";

test("BatchNorm keeps features and images, and refuses a sequence", () => {
  const params = withParams(batchNorm);
  expect(batchNorm.infer([[7]], params)).toEqual({ kind: "shape", shape: [7] });
  expect(batchNorm.infer([[3, 4, 5]], params)).toEqual({ kind: "shape", shape: [3, 4, 5] });
  expect(batchNorm.infer([[4, 5]], params)).toMatchObject({
    kind: "problem",
    fix: "use LayerNorm for sequences, or insert a Flatten before it",
  });
});

test("BatchNorm trains a scale and a shift per channel and carries two statistics", () => {
  const specs = batchNorm.parameters("n", [[3, 4, 5]], withParams(batchNorm));
  expect(specs.map(({ name, role, init }) => [name, role, init.kind])).toEqual([
    ["n.weight", "weight", "ones"],
    ["n.bias", "weight", "zeros"],
    ["n.running_mean", "statistic", "zeros"],
    ["n.running_var", "statistic", "ones"],
  ]);
  expect(specs.every(({ shape }) => shape.length === 1 && shape[0] === 3)).toBe(true);
});

test("BatchNorm keeps its input and the centred copy", () => {
  expect(batchNorm.cost([[10]], [10], withParams(batchNorm))).toEqual({
    forwardFlops: 60,
    backwardFlops: 80,
    activationBytes: 80,
  });
});
