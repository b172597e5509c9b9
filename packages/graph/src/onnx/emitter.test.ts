import { expect, test } from "vitest";
import { gradients } from "./autodiff.ts";
import { relu } from "./elementwise.ts";
import { Emitter } from "./emitter.ts";
import type { Value } from "./emitter.ts";
import type { GraphProto } from "./model-proto.ts";
import { dense } from "./matrix.ts";
import { binary, reshaped, scale } from "./plain.ts";
import { maxPool } from "./pooling.ts";

const x: Value = { name: "x", shape: [2, 3], type: "float32" };

function finish(emit: Emitter, outputs: Readonly<Record<string, Value>>): GraphProto {
  return emit.finish({
    name: "g",
    inputs: [x],
    outputs: Object.entries(outputs).map(([name, value]) => ({ value, info: { ...value, name } })),
  });
}

test("the same node on the same values is emitted once, and so is the same constant", () => {
  const emit = new Emitter();
  expect(scale(emit, x, 2)).toBe(scale(emit, x, 2));
  expect(emit.integers([1, 2])).toBe(emit.integers([1, 2]));
  expect(emit.scalar(1)).not.toBe(emit.integer(1));
});

test("a node that two layers share passes its gradient back once", () => {
  const emit = new Emitter();
  const sum = binary(emit, "Add", relu(emit, x), relu(emit, x));
  expect(emit.tape).toHaveLength(1);
  expect(gradients(emit, relu(emit, x), sum, [x])[0]?.shape).toEqual([2, 3]);
});

test("what no output needs is not written, constants included", () => {
  const emit = new Emitter();
  const kept = scale(emit, x, 2);
  scale(emit, kept, 3);
  const graph = finish(emit, { y: kept });
  expect(graph.nodes.map((node) => node.op)).toEqual(["Mul"]);
  expect(graph.initializers).toHaveLength(1);
});

test("an output is renamed, and copied only where a name is taken or it is an input", () => {
  const emit = new Emitter();
  const double = scale(emit, x, 2);
  const graph = finish(emit, { y: double, again: double, same: x });
  expect(graph.nodes.map(({ op, inputs, outputs }) => [op, inputs[0], outputs[0]])).toEqual([
    ["Mul", "x", "y"],
    ["Identity", "y", "again"],
    ["Identity", "x", "same"],
  ]);
});

test("a pool asks for indices only where its gradient needs them, and a 2×2 pool never does", () => {
  const emit = new Emitter();
  const image: Value = { name: "x", shape: [1, 1, 6, 6], type: "float32" };
  const outputsOfPools = (y: Value): number[] =>
    finish(emit, { y })
      .nodes.filter((node) => node.op === "MaxPool")
      .map((node) => node.outputs.length);
  const backward = (y: Value): Value => gradients(emit, y, y, [image])[0] ?? image;
  const wide = maxPool(emit, image, { kernel: 3, stride: 3 });
  expect([outputsOfPools(wide), outputsOfPools(backward(wide))]).toEqual([[1], [2]]);
  const pairs = maxPool(emit, image, { kernel: 2, stride: 2 });
  expect([outputsOfPools(pairs), outputsOfPools(backward(pairs))]).toEqual([[1], [1, 1, 1, 1]]);
});

test("a reshape to the same shape is no node, and its first extent is left to the runtime", () => {
  const emit = new Emitter();
  expect(reshaped(emit, x, [2, 3])).toBe(x);
  const graph = finish(emit, { y: reshaped(emit, x, [3, 2]) });
  expect([...new BigInt64Array(graph.initializers[0]?.data.slice().buffer ?? new ArrayBuffer(0))]).toEqual([-1n, 2n]);
});

test("no gradient is emitted for an input that nobody asks about, or that the output does not depend on", () => {
  const emit = new Emitter();
  const weight: Value = { name: "w", shape: [4, 3], type: "float32" };
  const other: Value = { name: "other", shape: [4, 3], type: "float32" };
  const y = dense(emit, x, weight);
  const [found, none] = gradients(emit, y, y, [weight, other]);
  expect(found?.shape).toEqual([4, 3]);
  expect(none).toBeUndefined();
  expect(finish(emit, { g: found ?? x }).nodes.filter((node) => node.op === "Gemm")).toHaveLength(2);
});

test("shapes that do not fit are a bug, not a graph", () => {
  const emit = new Emitter();
  expect(() => binary(emit, "Add", x, { name: "z", shape: [2, 4], type: "float32" })).toThrow("[2, 3] and [2, 4]");
  expect(() => reshaped(emit, x, [4, 2])).toThrow("has the elements of");
  expect(() => emit.floats([3], [1, 2])).toThrow("a constant of shape [3]");
});
