import { adviseOn, type Advice } from "./advice.ts";
import { filterUnits, JOB_FILTERS, type FilterCount } from "./filter.ts";
import { FleetLoad } from "./fleet-load.ts";
import type { QueuedJob, UnitSnapshot } from "./snapshot.ts";

/** Why a job has no unit, or how many it could have. */
export interface Explanation {
  /** Every filter in order, with how many units it took out and how many were left. */
  readonly reasons: readonly FilterCount[];
  /** Units that would take the job now. */
  readonly fitting: number;
  /** Absent when some unit fits: the job only waits for its turn. */
  readonly advice?: Advice;
}

/**
 * Explains one job against all units.
 *
 * Cost: units × filters, which is why a plan does not do it for every job that it leaves. For why a job was left by a
 * plan, pass the units as the plan left them (`withPlacements`). Pure.
 */
export function explain(snapshot: readonly UnitSnapshot[], job: QueuedJob): Explanation {
  const load = new FleetLoad(snapshot);
  const { fit, counts } = filterUnits(snapshot, job, JOB_FILTERS, load);
  if (fit.length > 0) return { reasons: counts, fitting: fit.length };
  const advice = adviseOn(snapshot, { subject: job, needs: job.needs }, JOB_FILTERS, load);
  return { reasons: counts, fitting: 0, advice };
}
