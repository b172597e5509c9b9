import { expect, test } from "vitest";
import { tanh } from "./tanh.ts";

test("Tanh keeps any shape, trains nothing and costs per element", () => {
  expect(tanh.infer([[3, 4, 5]], {})).toEqual({ kind: "shape", shape: [3, 4, 5] });
  expect(tanh.parameters("n", [[7]], {})).toEqual([]);
  expect(tanh.cost([[10]], [10], {})).toEqual({ forwardFlops: 10, backwardFlops: 30, activationBytes: 40 });
});
