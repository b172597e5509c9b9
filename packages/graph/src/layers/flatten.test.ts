import { expect, test } from "vitest";
import { flatten } from "./flatten.ts";

test("Flatten keeps every element on one axis, trains nothing and costs nothing", () => {
  expect(flatten.infer([[3, 4, 5]], {})).toEqual({ kind: "shape", shape: [60] });
  expect(flatten.infer([[7]], {})).toEqual({ kind: "shape", shape: [7] });
  expect(flatten.parameters("n", [[7]], {})).toEqual([]);
  expect(flatten.cost([[3, 4, 5]], [60], {}).forwardFlops).toBe(0);
});
