import fc from "fast-check";
import { expect, test } from "vitest";
import { calibrate, type Calibration, effectiveSpeed, peakOf } from "./calibration.ts";

const speed = fc.double({ min: 0, max: 1e15, noNaN: true });
const curve = fc.array(fc.record({ size: fc.constantFrom(256, 512, 1_024), flopsPerSecond: speed }), {
  minLength: 1,
  maxLength: 3,
});

function measured(flopsPerSecond: number, before?: Calibration, name = "cpu/x64-avx2"): Calibration {
  return calibrate(before, { class: name, curve: [{ size: 512, flopsPerSecond }], measuredAt: 1 });
}

test("[CAL6] the speed of quotes is never above the claim nor above the curve", () => {
  fc.assert(
    fc.property(speed, curve, speed, (claimedTrainFlops, points, best) => {
      const calibration = { class: "c", curve: points, best: Math.max(best, peakOf(points)), measuredAt: 0 };
      const effective = effectiveSpeed({ claimedTrainFlops, calibration });
      expect(effective).toBeLessThanOrEqual(claimedTrainFlops);
      expect(effective).toBeLessThanOrEqual(peakOf(points));
      expect(effective).toBeGreaterThanOrEqual(0);
    }),
  );
});

test("[CAL6] a better curve never lowers the speed of quotes, nor does a higher claim", () => {
  fc.assert(
    fc.property(speed, speed, curve, fc.double({ min: 1, max: 10, noNaN: true }), (claim, best, points, factor) => {
      const at = (claimedTrainFlops: number, stretch: number): number => {
        const stretched = points.map((point) => ({ ...point, flopsPerSecond: point.flopsPerSecond * stretch }));
        const calibration = { class: "c", curve: stretched, best: Math.max(best, peakOf(stretched)), measuredAt: 0 };
        return effectiveSpeed({ claimedTrainFlops, calibration });
      };
      expect(at(claim, factor)).toBeGreaterThanOrEqual(at(claim, 1));
      expect(at(claim * factor, 1)).toBeGreaterThanOrEqual(at(claim, 1));
    }),
  );
});

test("[CAL6] without a challenge the claim counts, with one the lower of claim and peak", () => {
  expect(effectiveSpeed({ claimedTrainFlops: 80e12, calibration: undefined })).toBe(80e12);
  expect(effectiveSpeed({ claimedTrainFlops: 80e12, calibration: measured(50e9) })).toBe(50e9);
  expect(effectiveSpeed({ claimedTrainFlops: 20e9, calibration: measured(50e9) })).toBe(20e9);
});

test("[CAL7] a unit that shows half of its best is quoted at half; a small fall is noise", () => {
  const alone = measured(60e9);
  const shared = measured(30e9, alone);
  expect(shared.best).toBe(60e9);
  expect(effectiveSpeed({ claimedTrainFlops: 20e9, calibration: shared })).toBe(10e9);
  expect(effectiveSpeed({ claimedTrainFlops: 80e12, calibration: shared })).toBe(30e9);
  expect(effectiveSpeed({ claimedTrainFlops: 20e9, calibration: measured(46e9, alone) })).toBe(20e9);
  expect(effectiveSpeed({ claimedTrainFlops: 20e9, calibration: measured(60e9, shared) })).toBe(20e9);
});

test("[CAL7] the best of another class does not count", () => {
  expect(measured(30e9, measured(60e9), "cpu/x64-avx").best).toBe(30e9);
});
