import { expect, test } from "vitest";
import { mseLoss } from "./mse-loss.ts";

test("MSELoss takes any shape, trains nothing and costs per value", () => {
  expect(mseLoss.infer([[4, 10]], {})).toEqual({ kind: "shape", shape: [] });
  expect(mseLoss.parameters("n", [[10]], {})).toEqual([]);
  expect(mseLoss.cost([[10]], [], {})).toEqual({ forwardFlops: 30, backwardFlops: 20, activationBytes: 40 });
});
