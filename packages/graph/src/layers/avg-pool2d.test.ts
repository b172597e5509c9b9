import { expect, test } from "vitest";
import { avgPool2d } from "./avg-pool2d.ts";
import { withParams } from "./with-params.contract.ts";

test("AvgPool2D halves an image by default, and leaves an odd row out", () => {
  expect(avgPool2d.infer([[3, 9, 8]], withParams(avgPool2d))).toEqual({ kind: "shape", shape: [3, 4, 4] });
  const params = withParams(avgPool2d, { pool_size: 3, stride: 2 });
  expect(avgPool2d.infer([[3, 9, 8]], params)).toEqual({ kind: "shape", shape: [3, 4, 3] });
});

test("AvgPool2D refuses a sequence, and a window larger than the image", () => {
  expect(avgPool2d.infer([[5, 8]], withParams(avgPool2d))).toMatchObject({
    kind: "problem",
    message: "AvgPool2D got [5, 8], and expects an image [channels, height, width]",
  });
  expect(avgPool2d.infer([[64, 1, 1]], withParams(avgPool2d))).toMatchObject({
    kind: "problem",
    fix: "set pool_size to at most 1, or remove a layer before it that shrinks the image",
  });
});

test("AvgPool2D trains nothing and costs one operation per window element", () => {
  const params = withParams(avgPool2d);
  expect(avgPool2d.parameters("n", [[3, 8, 8]], params)).toEqual([]);
  expect(avgPool2d.cost([[3, 8, 8]], [3, 4, 4], params)).toEqual({
    forwardFlops: 192,
    backwardFlops: 192,
    activationBytes: 0,
  });
});
