import { expect, test } from "vitest";
import { output } from "./output.ts";
import { withParams } from "./with-params.contract.ts";

test("Output passes values of its width through, trains nothing and costs nothing", () => {
  const params = withParams(output, { classes: 3 });
  expect(output.infer([[3]], params)).toEqual({ kind: "shape", shape: [3] });
  expect(output.infer([[4, 3]], params)).toEqual({ kind: "shape", shape: [4, 3] });
  expect(output.parameters("n", [[3]], params)).toEqual([]);
  expect(output.cost([[3]], [3], params).forwardFlops).toBe(0);
});

test("Output refuses another width and an image", () => {
  const params = withParams(output, { classes: 3 });
  expect(output.infer([[128]], params)).toMatchObject({
    kind: "problem",
    message: "Output has 3 classes, and its input [128] has 128",
    fix: "insert a Dense with 3 units before it, or set classes to 128",
  });
  expect(output.infer([[3, 8, 3]], params)).toMatchObject({
    kind: "problem",
    fix: "insert a Flatten and a Dense with 3 units before it",
  });
});
