import { expect, test } from "vitest";
import type { Params } from "../layer/layer-definition.ts";
import { conv2d } from "./conv2d.ts";
import { withParams } from "./with-params.contract.ts";

const SIZES: readonly (readonly [Params, number, number])[] = [
  [{}, 9, 10],
  [{ stride: 2 }, 5, 5],
  [{ kernel_size: 4, stride: 3 }, 3, 4],
  [{ padding: "valid" }, 7, 8],
  [{ padding: "valid", stride: 2 }, 4, 4],
  [{ padding: 2, kernel_size: 5 }, 9, 10],
  [{ padding: 3, kernel_size: 2, stride: 4 }, 4, 4],
];

test.each(SIZES)("Conv2D with %j makes of 9 × 10 pixels %i × %i", (given, height, width) => {
  const params = withParams(conv2d, { filters: 6, ...given });
  expect(conv2d.infer([[3, 9, 10]], params)).toEqual({ kind: "shape", shape: [6, height, width] });
});

test("Conv2D refuses features, and a filter that is larger than the image", () => {
  expect(conv2d.infer([[784]], withParams(conv2d))).toMatchObject({
    kind: "problem",
    message: "Conv2D got [784], and expects an image [channels, height, width]",
    fix: "move Conv2D before the Flatten, or use Dense here",
  });
  expect(conv2d.infer([[3, 4, 9]], withParams(conv2d, { kernel_size: 7, padding: 1 }))).toMatchObject({
    kind: "problem",
    message: expect.stringContaining("7×7"),
    fix: "set kernel_size to at most 6, or remove a layer before it that shrinks the image",
  });
});

test("Conv2D trains filters and a bias that start as PyTorch's", () => {
  const init = { kind: "fan-in-uniform", fanIn: 27 };
  const weight = { name: "n.weight", shape: [6, 3, 3, 3], init, role: "weight" };
  expect(conv2d.parameters("n", [[3, 9, 9]], withParams(conv2d, { filters: 6 }))).toEqual([
    weight,
    { name: "n.bias", shape: [6], init, role: "weight" },
  ]);
  expect(conv2d.parameters("n", [[3, 9, 9]], withParams(conv2d, { filters: 6, bias: false }))).toEqual([weight]);
});

test("Conv2D costs a multiply and an add per tap and output, and its activation on top", () => {
  const plain = conv2d.cost([[3, 9, 9]], [6, 9, 9], withParams(conv2d, { filters: 6, bias: false }));
  expect(plain).toEqual({ forwardFlops: 2 * 486 * 27, backwardFlops: 4 * 486 * 27, activationBytes: 4 * 243 });
  const clipped = conv2d.cost([[3, 9, 9]], [6, 9, 9], withParams(conv2d, { filters: 6, activation: "relu" }));
  expect(clipped.forwardFlops - plain.forwardFlops).toBe(2 * 486);
  expect(clipped.activationBytes - plain.activationBytes).toBe(4 * 486);
});
