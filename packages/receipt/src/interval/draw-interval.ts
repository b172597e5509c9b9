/**
 * Which steps are run again to check a segment.
 *
 * One checkpoint interval is drawn with equal chances, then whole neighbours are added, later ones first, as long as the
 * steps stay within 2 % of the job. So every interval is drawn with a chance of at least 1 ÷ n: whoever skips work in
 * one of n intervals is met at least once in n jobs, wherever it was, and no choice of checkpoints makes a check cost
 * more than one interval or 2 %.
 * @see design section 4, "Verification"; SPEC INT1 to INT4.
 */
import { assert, defined } from "@cyxwiz/primitives";
import { RERUN_DIVISOR } from "../limits.ts";
import type { Interval } from "./interval.ts";

export interface DrawOptions {
  /** Steps of one segment's checkpoints, rising; at least one. */
  readonly checkpoints: readonly number[];
  /** The step before the first of them: where the segment began. */
  readonly from: number;
  readonly totalSteps: number;
  /** 0 ≤ random() < 1; asked once. Where somebody gains by knowing it before, it comes from a secure source. */
  readonly random: () => number;
}

/** Draws the interval to re-run. Both ends are checkpoints, or `from`. Cost: the intervals that it covers. */
export function drawInterval({ checkpoints, from, totalSteps, random }: DrawOptions): Interval {
  const bounds = [from, ...checkpoints];
  assert(bounds.length > 1, "a segment without checkpoints has no interval to draw");
  assert(
    bounds.every((step, index) => Number.isSafeInteger(step) && (index === 0 || step > at(bounds, index - 1))),
    `the steps ${bounds.slice(0, 20).join(", ")} do not rise`,
  );
  const drawn = random();
  assert(drawn >= 0 && drawn < 1, `the random number ${drawn} is not in 0 ≤ x < 1`);

  let first = Math.floor(drawn * checkpoints.length);
  let last = first + 1;
  const budget = Math.max(totalSteps / RERUN_DIVISOR, at(bounds, last) - at(bounds, first));
  while (last + 1 < bounds.length && at(bounds, last + 1) - at(bounds, first) <= budget) last++;
  while (first > 0 && at(bounds, last) - at(bounds, first - 1) <= budget) first--;
  return { from: at(bounds, first), to: at(bounds, last) };
}

const at = (steps: readonly number[], index: number): number => defined(steps[index], `step ${index}`);
