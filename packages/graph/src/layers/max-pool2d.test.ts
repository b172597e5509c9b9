import { expect, test } from "vitest";
import { maxPool2d } from "./max-pool2d.ts";
import { withParams } from "./with-params.contract.ts";

test("MaxPool2D halves an image by default, and leaves an odd row out", () => {
  expect(maxPool2d.infer([[3, 9, 8]], withParams(maxPool2d))).toEqual({ kind: "shape", shape: [3, 4, 4] });
  const params = withParams(maxPool2d, { pool_size: 3, stride: 2 });
  expect(maxPool2d.infer([[3, 9, 8]], params)).toEqual({ kind: "shape", shape: [3, 4, 3] });
});

test("MaxPool2D refuses a sequence, and a window larger than the image", () => {
  expect(maxPool2d.infer([[5, 8]], withParams(maxPool2d))).toMatchObject({
    kind: "problem",
    message: "MaxPool2D got [5, 8], and expects an image [channels, height, width]",
  });
  expect(maxPool2d.infer([[64, 1, 1]], withParams(maxPool2d))).toMatchObject({
    kind: "problem",
    fix: "set pool_size to at most 1, or remove a layer before it that shrinks the image",
  });
});

test("MaxPool2D trains nothing and costs one operation per window element", () => {
  const params = withParams(maxPool2d);
  expect(maxPool2d.parameters("n", [[3, 8, 8]], params)).toEqual([]);
  expect(maxPool2d.cost([[3, 8, 8]], [3, 4, 4], params)).toEqual({
    forwardFlops: 192,
    backwardFlops: 48,
    activationBytes: 384,
  });
});
