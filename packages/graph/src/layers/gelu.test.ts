import { expect, test } from "vitest";
import { gelu } from "./gelu.ts";

test("GELU keeps any shape, trains nothing and costs per element", () => {
  expect(gelu.infer([[3, 4, 5]], {})).toEqual({ kind: "shape", shape: [3, 4, 5] });
  expect(gelu.parameters("n", [[7]], {})).toEqual([]);
  expect(gelu.cost([[10]], [10], {})).toEqual({ forwardFlops: 50, backwardFlops: 80, activationBytes: 80 });
});
