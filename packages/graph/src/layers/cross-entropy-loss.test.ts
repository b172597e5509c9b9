import { expect, test } from "vitest";
import { crossEntropyLoss } from "./cross-entropy-loss.ts";

test("CrossEntropyLoss takes a score per class and costs per class", () => {
  expect(crossEntropyLoss.infer([[10]], {})).toEqual({ kind: "shape", shape: [] });
  expect(crossEntropyLoss.parameters("n", [[10]], {})).toEqual([]);
  expect(crossEntropyLoss.cost([[10]], [], {}).forwardFlops).toBe(60);
});

test("CrossEntropyLoss refuses a sequence and a single class", () => {
  expect(crossEntropyLoss.infer([[4, 10]], {})).toMatchObject({
    kind: "problem",
    message: "CrossEntropyLoss got [4, 10], and expects one score per class [classes]",
  });
  expect(crossEntropyLoss.infer([[1]], {})).toMatchObject({
    kind: "problem",
    fix: "give the Output 2 classes or more, or use MSELoss to predict a number",
  });
});
