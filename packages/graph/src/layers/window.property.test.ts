import fc from "fast-check";
import { expect, test } from "vitest";
import { slideWindow } from "./window.ts";

const extents = fc.integer({ min: 1, max: 40 });
const strides = fc.integer({ min: 1, max: 7 });
const kernels = fc.integer({ min: 1, max: 9 });

test("every window lies in the padded input, and one more would not", () => {
  const paddings = fc.oneof(fc.constantFrom("same", "valid"), fc.integer({ min: 0, max: 5 }));
  fc.assert(
    fc.property(extents, extents, kernels, strides, paddings, (height, width, kernel, stride, padding) => {
      const { pads, outHeight, outWidth } = slideWindow([1, height, width], { kernel, stride, padding });
      const [top, left, bottom, right] = pads;
      for (const [padded, count] of [
        [height + top + bottom, outHeight],
        [width + left + right, outWidth],
      ] as const) {
        const end = (count - 1) * stride + kernel;
        if (count >= 1) expect(end).toBeLessThanOrEqual(padded);
        expect(end + stride).toBeGreaterThan(padded);
      }
    }),
  );
});

test('"same" gives one output for each stride, and the odd zero goes after', () => {
  fc.assert(
    fc.property(extents, kernels, strides, (height, kernel, stride) => {
      const { pads, outHeight } = slideWindow([1, height, height], { kernel, stride, padding: "same" });
      expect(outHeight).toBe(Math.ceil(height / stride));
      expect(pads[2] - pads[0]).toBeGreaterThanOrEqual(0);
      expect(pads[2] - pads[0]).toBeLessThanOrEqual(1);
    }),
  );
});
