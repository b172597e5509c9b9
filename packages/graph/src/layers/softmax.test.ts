import { expect, test } from "vitest";
import { softmax } from "./softmax.ts";
import { withParams } from "./with-params.contract.ts";

test("Softmax keeps the shape along any axis but the batch", () => {
  expect(softmax.infer([[10]], withParams(softmax))).toEqual({ kind: "shape", shape: [10] });
  expect(softmax.infer([[3, 4, 5]], withParams(softmax, { dim: 3 }))).toEqual({ kind: "shape", shape: [3, 4, 5] });
});

test.each([0, 2])("Softmax of features refuses dim %i", (dim) => {
  expect(softmax.infer([[10]], withParams(softmax, { dim }))).toMatchObject({
    kind: "problem",
    message: `Softmax has dim ${dim}, and its input [10] has dims 1 to 1 beside the batch`,
    fix: "set dim to -1",
  });
});

test("Softmax trains nothing and costs per element", () => {
  expect(softmax.parameters("n", [[10]], withParams(softmax))).toEqual([]);
  expect(softmax.cost([[10]], [10], withParams(softmax))).toEqual({
    forwardFlops: 50,
    backwardFlops: 40,
    activationBytes: 40,
  });
});
