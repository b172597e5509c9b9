import { expect, test } from "vitest";
import { adam } from "./adam.ts";
import { withParams } from "./with-params.contract.ts";

test("Adam has PyTorch's defaults, and no place in the forward graph", () => {
  const params = withParams(adam);
  expect(params).toEqual({ learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0 });
  expect(adam.infer([], params)).toEqual({ kind: "shape", shape: [] });
  expect(adam.parameters("n", [], params)).toEqual([]);
  expect(adam.cost([], [], params).forwardFlops).toBe(0);
  expect(adam.lower).toBeUndefined();
});
