import { expect, test } from "vitest";
import { dropout } from "./dropout.ts";
import { withParams } from "./with-params.contract.ts";

test("Dropout keeps the shape, trains nothing and keeps its mask for the way back", () => {
  const params = withParams(dropout);
  expect(params["rate"]).toBe(0.5);
  expect(dropout.infer([[3, 4, 5]], params)).toEqual({ kind: "shape", shape: [3, 4, 5] });
  expect(dropout.parameters("n", [[7]], params)).toEqual([]);
  expect(dropout.cost([[10]], [10], params)).toEqual({ forwardFlops: 10, backwardFlops: 10, activationBytes: 40 });
});
