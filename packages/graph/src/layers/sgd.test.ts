import { expect, test } from "vitest";
import { sgd } from "./sgd.ts";
import { withParams } from "./with-params.contract.ts";

test("SGD has PyTorch's defaults, and no place in the forward graph", () => {
  const params = withParams(sgd);
  expect(params).toEqual({ learning_rate: 0.01, momentum: 0, weight_decay: 0 });
  expect(sgd.infer([], params)).toEqual({ kind: "shape", shape: [] });
  expect(sgd.parameters("n", [], params)).toEqual([]);
  expect(sgd.cost([], [], params).forwardFlops).toBe(0);
  expect(sgd.lower).toBeUndefined();
});
