import fc from "fast-check";
import { expect, test } from "vitest";
import { kdLayout } from "./kd-layout.ts";

test("[SCH4] every half of the layout is apart from its other half in the dimension of its depth", () => {
  const value = fc.integer({ min: 0, max: 9 });
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 70 }), (points) => {
      const keys = [0, 1].map((dimension) => Float64Array.from(points, (point) => point[dimension as 0 | 1]));
      const width = 2 ** Math.ceil(Math.log2(points.length));
      const order = [...kdLayout(keys, width)];
      expect(order.toSorted((a, b) => a - b)).toEqual(points.map((_, item) => item));
      const check = (from: number, size: number, depth: number): void => {
        const half = size / 2;
        const valuesOf = (items: readonly number[]): number[] => items.map((item) => keys[depth % 2]?.[item] ?? NaN);
        const lower = valuesOf(order.slice(from, from + half));
        const upper = valuesOf(order.slice(from + half, from + size));
        if (upper.length > 0) expect(Math.max(...lower)).toBeLessThanOrEqual(Math.min(...upper));
        if (half < 2) return;
        check(from, half, depth + 1);
        check(from + half, half, depth + 1);
      };
      if (width > 1) check(0, width, 0);
    }),
  );
});
