import { expect, test } from "vitest";
import { dense } from "./dense.ts";
import { withParams } from "./with-params.contract.ts";

test("Dense replaces the last axis by its units", () => {
  const params = withParams(dense, { units: 5 });
  expect(dense.infer([[7]], params)).toEqual({ kind: "shape", shape: [5] });
  expect(dense.infer([[4, 7]], params)).toEqual({ kind: "shape", shape: [4, 5] });
});

test("Dense refuses an image and says to flatten it", () => {
  const result = dense.infer([[3, 32, 32]], withParams(dense));
  expect(result).toMatchObject({
    kind: "problem",
    message: "Dense got an image [3, 32, 32], and expects features on its last axis",
    fix: "insert a Flatten before it",
  });
});

test("Dense trains a weight and a bias that start as PyTorch's", () => {
  const init = { kind: "fan-in-uniform", fanIn: 7 };
  const weight = { name: "n.weight", shape: [5, 7], init, role: "weight" };
  expect(dense.parameters("n", [[7]], withParams(dense, { units: 5 }))).toEqual([
    weight,
    { name: "n.bias", shape: [5], init, role: "weight" },
  ]);
  expect(dense.parameters("n", [[7]], withParams(dense, { units: 5, bias: false }))).toEqual([weight]);
});

test("Dense costs a multiply and an add per weight forward, twice that backward", () => {
  expect(dense.cost([[7]], [5], withParams(dense, { units: 5, bias: false }))).toEqual({
    forwardFlops: 70,
    backwardFlops: 140,
    activationBytes: 28,
  });
  expect(dense.cost([[4, 7]], [4, 5], withParams(dense, { units: 5 })).forwardFlops).toBe(4 * 75);
});
