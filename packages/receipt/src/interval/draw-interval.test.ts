import { expect, test } from "vitest";
import { AssertionError } from "@cyxwiz/primitives";
import { drawInterval } from "./draw-interval.ts";

const tens = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => 10 * (index + 1));
const always = (value: number) => (): number => value;

test("[INT1] each checkpoint interval is drawn with an equal chance", () => {
  const drawn = [0, 0.249, 0.25, 0.5, 0.75, 0.999].map((value) =>
    drawInterval({ checkpoints: tens(4), from: 0, totalSteps: 40, random: always(value) }),
  );
  expect(drawn.map(({ from }) => from)).toEqual([0, 0, 10, 20, 30, 30]);
  expect(drawn.every(({ from, to }) => to === from + 10)).toBe(true);
});

test("[INT2] later neighbours are added first, then earlier ones, up to 2 % of the job", () => {
  const job = { checkpoints: tens(100), from: 0, totalSteps: 1_500 };
  expect(drawInterval({ ...job, random: always(0.5) })).toEqual({ from: 500, to: 530 });
  expect(drawInterval({ ...job, random: always(0.98) })).toEqual({ from: 970, to: 1_000 });
});

test("[INT2] one checkpoint interval is re-run whole, even above 2 %", () => {
  expect(drawInterval({ checkpoints: [900], from: 0, totalSteps: 1_000, random: always(0.9) })).toEqual({
    from: 0,
    to: 900,
  });
});

test("[INT3] a segment that began in the middle of a job is drawn from its own start on", () => {
  expect(drawInterval({ checkpoints: [40, 50], from: 33, totalSteps: 100, random: always(0) })).toEqual({
    from: 33,
    to: 40,
  });
});

test.each([
  ["no checkpoints", { checkpoints: [], from: 0, random: always(0) }],
  ["steps that do not rise", { checkpoints: [10, 10], from: 0, random: always(0) }],
  ["a start at the first checkpoint", { checkpoints: [10], from: 10, random: always(0) }],
  ["a random number of 1", { checkpoints: [10], from: 0, random: always(1) }],
  ["no random number", { checkpoints: [10], from: 0, random: always(Number.NaN) }],
])("[INT4] %s is a mistake of the caller", (_what, options) => {
  expect(() => drawInterval({ totalSteps: 100, ...options })).toThrow(AssertionError);
});
