/**
 * How long a job takes on a unit, and what it costs there.
 *
 * The median (p50) is what is charged; the p99 is what deadlines are made of. Both are the measured training speed with
 * factors for what the measurement does not see. The cost is a function of the p50 alone, so owners gain nothing by
 * being slow.
 */
import { amount, MAX_AMOUNT, type Amount } from "@cyxwiz/primitives";
import type { JobNeeds } from "./job-needs.ts";

/** From accepted assignment to first step, beside the dataset: starting the child process, compiling the graph. */
export const STARTUP_SECONDS = { p50: 2, p99: 30 } as const;

/** Bytes per second at which a node fetches a dataset: an ordinary home line, and a bad one. */
export const FETCH_BYTES_PER_SECOND = { p50: 20_000_000, p99: 2_000_000 } as const;

/**
 * Time of the real run over the time that the measured speed gives. p50: checkpoints, evaluation and reports cost a
 * tenth. p99: also a hot device and an owner who uses the computer.
 */
export const SLOWDOWN = { p50: 1.1, p99: 1.8 } as const;

/** What any job costs at least, so that starting and checking a tiny one is not free: 0.0001 CYXWIZ. */
export const MINIMUM_CHARGE: Amount = 100_000n as Amount;

const MS_PER_HOUR = 3_600_000n;

/** Seconds, whole milliseconds: half of such runs end within p50, 99 of 100 within p99. */
export interface TimeBand {
  readonly p50: number;
  readonly p99: number;
}

/** What of a unit decides time and cost. */
export interface PricedUnit {
  readonly pricePerHour: Amount;
  readonly trainFlopsPerSecond: number;
}

/** The time of a job on a unit. Needs a measured speed above zero, else the band is infinite. Pure. */
export function timeBand(needs: JobNeeds, trainFlopsPerSecond: number): TimeBand {
  return {
    p50: milliseconds(needs, trainFlopsPerSecond, "p50") / 1000,
    p99: milliseconds(needs, trainFlopsPerSecond, "p99") / 1000,
  };
}

/**
 * ⌈price per hour × p50⌉, at least `MINIMUM_CHARGE`.
 *
 * A cost that no amount can hold (also that of a unit without a measured speed) is `MAX_AMOUNT`, which nobody pays.
 */
export function costOn(needs: JobNeeds, unit: PricedUnit): Amount {
  const ms = milliseconds(needs, unit.trainFlopsPerSecond, "p50");
  if (!Number.isFinite(ms)) return MAX_AMOUNT;
  const cost = (unit.pricePerHour * BigInt(ms) + MS_PER_HOUR - 1n) / MS_PER_HOUR;
  if (cost < MINIMUM_CHARGE) return MINIMUM_CHARGE;
  return cost > MAX_AMOUNT ? MAX_AMOUNT : amount(cost);
}

/** Seconds of the p50 that do not depend on the unit: start-up and dataset. */
export function fixedSeconds(needs: JobNeeds): number {
  return STARTUP_SECONDS.p50 + needs.datasetBytes / FETCH_BYTES_PER_SECOND.p50;
}

function milliseconds(needs: JobNeeds, trainFlopsPerSecond: number, percentile: "p50" | "p99"): number {
  const fetch = needs.datasetBytes / FETCH_BYTES_PER_SECOND[percentile];
  const compute = (needs.trainFlops * SLOWDOWN[percentile]) / trainFlopsPerSecond;
  return Math.ceil((STARTUP_SECONDS[percentile] + fetch + compute) * 1000);
}
