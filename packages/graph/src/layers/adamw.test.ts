import { expect, test } from "vitest";
import { adamw } from "./adamw.ts";
import { withParams } from "./with-params.contract.ts";

test("AdamW has PyTorch's defaults, and no place in the forward graph", () => {
  const params = withParams(adamw);
  expect(params).toEqual({ learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 });
  expect(adamw.infer([], params)).toEqual({ kind: "shape", shape: [] });
  expect(adamw.parameters("n", [], params)).toEqual([]);
  expect(adamw.cost([], [], params).forwardFlops).toBe(0);
  expect(adamw.lower).toBeUndefined();
});
