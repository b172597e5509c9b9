import { expect, test } from "vitest";
import { add } from "./add.ts";

test("Add keeps the shape of equal inputs and costs an addition for each beyond the first", () => {
  expect(
    add.infer(
      [
        [4, 5],
        [4, 5],
        [4, 5],
      ],
      {},
    ),
  ).toEqual({ kind: "shape", shape: [4, 5] });
  expect(add.parameters("n", [[4], [4]], {})).toEqual([]);
  expect(add.cost([[4], [4], [4]], [4], {}).forwardFlops).toBe(8);
});

test("Add refuses a single input and unequal ones", () => {
  expect(add.infer([[4]], {})).toMatchObject({ kind: "problem", message: "Add got 1 input, and expects at least 2" });
  expect(add.infer([[4], [5]], {})).toMatchObject({
    kind: "problem",
    message: "Add got [4] and [5], and expects equal shapes",
    fix: "give both branches the same number of units",
  });
  const images = add.infer(
    [
      [8, 4, 4],
      [16, 4, 4],
    ],
    {},
  );
  expect(images).toMatchObject({ kind: "problem", fix: expect.stringContaining("kernel_size 1") });
});
