import { expect, test } from "vitest";
import { sigmoid } from "./sigmoid.ts";

test("Sigmoid keeps any shape, trains nothing and costs per element", () => {
  expect(sigmoid.infer([[3, 4, 5]], {})).toEqual({ kind: "shape", shape: [3, 4, 5] });
  expect(sigmoid.parameters("n", [[7]], {})).toEqual([]);
  expect(sigmoid.cost([[10]], [10], {})).toEqual({ forwardFlops: 40, backwardFlops: 30, activationBytes: 40 });
});
