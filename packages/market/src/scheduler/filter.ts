/**
 * What makes a unit fit a job: a list of named yes-or-no questions, asked in one order, cheapest to understand first.
 *
 * The plan answers them through an index and the explanation by asking each unit; a property test holds the two equal.
 */
import { costOn } from "../price/estimate.ts";
import type { JobNeeds } from "../price/job-needs.ts";
import type { FleetLoad } from "./fleet-load.ts";
import type { QueuedJob, UnitSnapshot } from "./snapshot.ts";

export const FILTER_CODES = [
  /** The node's heartbeat is young enough. */
  "online",
  /** The unit is ACTIVE: shared, registered, not paused, not broken. */
  "active",
  /** Its training speed was measured, so that time and cost are known. */
  "measured",
  /** It is the kind of device that the job asks for. */
  "device",
  /** The job's peak memory fits. */
  "memory",
  /** The node runs the lowering that the job is pinned to. */
  "lowering",
  /** What the job costs on it is not above what was quoted and locked. */
  "price",
  /** Its node did not fail, lose or decline this job before. */
  "not-banned",
  /** It has no assignment now. */
  "unit-free",
  /** Its physical device has room, counting every unit that shares it. */
  "device-free",
] as const;
export type FilterCode = (typeof FILTER_CODES)[number];

/** One question. A quote asks `T` = the needs, a placement `T` = the job. */
export interface Filter<T> {
  readonly code: FilterCode;
  passes(unit: UnitSnapshot, asked: T, load: FleetLoad): boolean;
}

/** How many units a filter took out, and how many were left after it. */
export interface FilterCount {
  readonly filter: FilterCode;
  readonly removed: number;
  readonly remaining: number;
}

/** What a quote asks: whether the unit could ever do the job. A busy unit could. */
export const NEEDS_FILTERS: readonly Filter<JobNeeds>[] = [
  { code: "online", passes: (unit) => unit.online },
  { code: "active", passes: (unit) => unit.status === "ACTIVE" },
  { code: "measured", passes: (unit) => unit.trainFlopsPerSecond > 0 },
  { code: "device", passes: (unit, needs) => needs.device === "any" || needs.device === unit.deviceType },
  { code: "memory", passes: (unit, needs) => unit.memoryBytes >= needs.peakMemoryBytes },
  {
    code: "lowering",
    passes: (unit, needs) => needs.lowering === undefined || unit.lowerings.includes(needs.lowering),
  },
];

/** What a placement asks: the needs, and whether this unit can take this job now. */
export const JOB_FILTERS: readonly Filter<QueuedJob>[] = [
  ...NEEDS_FILTERS.map((filter): Filter<QueuedJob> => ({
    code: filter.code,
    passes: (unit, job, load) => filter.passes(unit, job.needs, load),
  })),
  { code: "price", passes: (unit, job) => costOn(job.needs, unit) <= job.quoted },
  { code: "not-banned", passes: (unit, job) => !job.bannedNodes.includes(unit.nodeId) },
  { code: "unit-free", passes: (unit) => unit.activeJobs === 0 },
  { code: "device-free", passes: (unit, _job, load) => load.isDeviceFree(unit) },
];

/** Units that passed every filter, the counts in filter order, and the first filter that refused each other unit. */
export interface Filtered {
  readonly fit: readonly UnitSnapshot[];
  readonly counts: readonly FilterCount[];
  readonly unfit: readonly { readonly unit: UnitSnapshot; readonly filter: FilterCode }[];
}

/** Asks every unit. Cost: units × filters. Pure. */
export function filterUnits<T>(
  snapshot: readonly UnitSnapshot[],
  asked: T,
  filters: readonly Filter<T>[],
  load: FleetLoad,
): Filtered {
  let fit = snapshot;
  const counts: FilterCount[] = [];
  const unfit: { unit: UnitSnapshot; filter: FilterCode }[] = [];
  for (const filter of filters) {
    const before = fit.length;
    fit = fit.filter((unit) => {
      const isFit = filter.passes(unit, asked, load);
      if (!isFit) unfit.push({ unit, filter: filter.code });
      return isFit;
    });
    counts.push({ filter: filter.code, removed: before - fit.length, remaining: fit.length });
  }
  return { fit, counts, unfit };
}
