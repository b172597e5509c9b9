/** What of a committed chain is run again. Drawn after the commitment, from randomness that nobody can foresee. Pure. */
import { defined } from "@cyxwiz/primitives";
import { drawInterval, type ChainEntry, type Interval, type SegmentEntry } from "@cyxwiz/receipt";
import { segmentsOf } from "./job-chain.ts";

export interface Drawn {
  readonly interval: Interval;
  /** Under which build and class the steps were computed. */
  readonly segment: SegmentEntry;
}

/**
 * Every checkpoint interval of the job is as likely as any other to be where the drawn piece begins; the piece stays
 * within one attempt's steps, because bits are compared under that attempt's build. Undefined when nothing is committed.
 *
 * `random` is uniform in [0, 1) and must not be predictable.
 */
export function draw(entries: readonly ChainEntry[], totalSteps: number, random: () => number): Drawn | undefined {
  const segments = segmentsOf(entries).filter(({ checkpoints }) => checkpoints.length > 0);
  const intervals = segments.flatMap((segment) => segment.checkpoints.map(() => segment));
  if (intervals.length === 0) return undefined;
  const { entry, from, checkpoints } = defined(intervals[Math.floor(random() * intervals.length)], "a drawn interval");
  return { interval: drawInterval({ checkpoints, from, totalSteps, random }), segment: entry };
}

/** The interval that ends in the last checkpoint. */
export function lastInterval(entries: readonly ChainEntry[]): Drawn | undefined {
  const last = segmentsOf(entries).findLast((segment) => segment.checkpoints.length > 0);
  const to = last?.checkpoints.at(-1);
  if (!last || to === undefined) return undefined;
  return { interval: { from: last.checkpoints.at(-2) ?? last.from, to }, segment: last.entry };
}
