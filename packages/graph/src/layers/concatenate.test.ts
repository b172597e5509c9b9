import { expect, test } from "vitest";
import { concatenate } from "./concatenate.ts";
import { withParams } from "./with-params.contract.ts";

test("Concatenate adds up the extents of its axis", () => {
  const params = withParams(concatenate);
  expect(
    concatenate.infer(
      [
        [3, 4, 4],
        [5, 4, 4],
      ],
      params,
    ),
  ).toEqual({ kind: "shape", shape: [8, 4, 4] });
  expect(
    concatenate.infer(
      [
        [3, 4, 4],
        [3, 4, 6],
      ],
      withParams(concatenate, { dim: 3 }),
    ),
  ).toEqual({
    kind: "shape",
    shape: [3, 4, 10],
  });
});

test("Concatenate refuses a single input, a missing axis and inputs that differ elsewhere", () => {
  const params = withParams(concatenate);
  expect(concatenate.infer([[3]], params)).toMatchObject({
    kind: "problem",
    message: expect.stringContaining("1 input"),
  });
  expect(concatenate.infer([[3], [4]], withParams(concatenate, { dim: 2 }))).toMatchObject({
    kind: "problem",
    fix: "set dim to 1",
  });
  expect(
    concatenate.infer(
      [
        [3, 4, 4],
        [3, 5, 5],
      ],
      params,
    ),
  ).toMatchObject({
    kind: "problem",
    message: "Concatenate got [3, 4, 4] and [3, 5, 5], which differ beside dim 1",
  });
  expect(concatenate.infer([[3, 4, 4], [48]], params)).toMatchObject({
    kind: "problem",
    fix: "insert a Flatten before it on the branch that is an image",
  });
});

test("Concatenate trains nothing and costs nothing", () => {
  expect(concatenate.parameters("n", [[3], [4]], withParams(concatenate))).toEqual([]);
  expect(concatenate.cost([[3], [4]], [7], withParams(concatenate)).forwardFlops).toBe(0);
});
