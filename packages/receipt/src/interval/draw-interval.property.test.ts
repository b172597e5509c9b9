import fc from "fast-check";
import { expect, test } from "vitest";
import { drawInterval } from "./draw-interval.ts";

/** A segment with intervals of any lengths, somewhere in a job. */
const segment = fc
  .record({
    from: fc.nat(500),
    lengths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 60 }),
    rest: fc.nat(2_000),
  })
  .map(({ from, lengths, rest }) => {
    let step = from;
    const checkpoints = lengths.map((length) => (step += length));
    return { from, checkpoints, totalSteps: step + rest, longest: Math.max(...lengths) };
  });

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("[INT2] a re-run costs at most 2 % of the steps or one checkpoint interval", () => {
  fc.assert(
    fc.property(segment, unit, ({ longest, ...job }, value) => {
      const { from, to } = drawInterval({ ...job, random: () => value });
      expect(to - from).toBeLessThanOrEqual(Math.max(0.02 * job.totalSteps, longest));
    }),
  );
});

test("[INT3] both ends are bounds of the segment's intervals, in order", () => {
  fc.assert(
    fc.property(segment, unit, (job, value) => {
      const { from, to } = drawInterval({ ...job, random: () => value });
      const bounds = new Set([job.from, ...job.checkpoints]);
      expect(bounds.has(from) && bounds.has(to) && from < to).toBe(true);
    }),
  );
});

test("[INT1] every interval is in the draw of at least one n-th of the random numbers", () => {
  fc.assert(
    fc.property(segment, unit, (job, value) => {
      const count = job.checkpoints.length;
      for (const [index, step] of job.checkpoints.entries()) {
        // Somewhere in the index-th of n equal parts.
        const { from, to } = drawInterval({ ...job, random: () => (index + 0.999 * value) / count });
        expect(from < step && step <= to).toBe(true);
      }
    }),
  );
});

test("[INT2] no whole neighbour that fits is left out", () => {
  fc.assert(
    fc.property(segment, unit, (job, value) => {
      const { from, to } = drawInterval({ ...job, random: () => value });
      const bounds = [job.from, ...job.checkpoints];
      const before = bounds.findLast((step) => step < from) ?? -Infinity;
      const after = bounds.find((step) => step > to) ?? Infinity;
      expect(Math.min(to - before, after - from)).toBeGreaterThan(0.02 * job.totalSteps);
    }),
  );
});
