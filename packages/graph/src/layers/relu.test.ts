import { expect, test } from "vitest";
import { relu } from "./relu.ts";

test("ReLU keeps any shape, trains nothing and costs per element", () => {
  expect(relu.infer([[3, 4, 5]], {})).toEqual({ kind: "shape", shape: [3, 4, 5] });
  expect(relu.parameters("n", [[7]], {})).toEqual([]);
  expect(relu.cost([[10]], [10], {})).toEqual({ forwardFlops: 10, backwardFlops: 20, activationBytes: 40 });
});
