import fc from "fast-check";
import { expect, test } from "vitest";
import { permutation, philox4x32, PhiloxStream, STREAM } from "./philox.ts";

const hex = (words: readonly number[]): string[] => words.map((word) => word.toString(16).padStart(8, "0"));

test("matches the known-answer vectors of Random123 for philox4x32-10", () => {
  expect(hex(philox4x32([0, 0, 0, 0], [0, 0]))).toEqual(["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
  const ones = 0xffffffff;
  expect(hex(philox4x32([ones, ones, ones, ones], [ones, ones]))).toEqual([
    "408f276d",
    "41c83b0e",
    "a20bc7c6",
    "6d5451fd",
  ]);
  expect(hex(philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).toEqual([
    "d16cfe09",
    "94fdcceb",
    "5001e420",
    "24126ea1",
  ]);
});

test("streams, indices and lanes of one seed give different numbers", () => {
  const first = (stream: PhiloxStream): number => stream.nextWord();
  const words = [
    first(new PhiloxStream(7n, STREAM.shuffle, 0)),
    first(new PhiloxStream(7n, STREAM.dropout, 0)),
    first(new PhiloxStream(7n, STREAM.shuffle, 1)),
    first(new PhiloxStream(7n, STREAM.shuffle, 0, 1)),
    first(new PhiloxStream(7n << 32n, STREAM.shuffle, 0)),
  ];
  expect(new Set(words).size).toBe(words.length);
});

test("a permutation holds each index once and depends on nothing but its stream", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 500 }), (seed, count) => {
      const draw = (): number[] => [...permutation(count, new PhiloxStream(seed, STREAM.shuffle, 3))];
      const order = draw();
      expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(draw()).toEqual(order);
    }),
  );
});
