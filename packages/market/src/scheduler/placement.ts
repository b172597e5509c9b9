import type { JobId, UnitId } from "@cyxwiz/primitives";
import type { ScoreBreakdown } from "./score.ts";

export interface RunnerUp {
  readonly unitId: UnitId;
  readonly score: number;
}

/** One job on one unit, with why this unit: its score by term, and the units that came next. */
export interface Placement {
  readonly jobId: JobId;
  readonly unitId: UnitId;
  readonly score: number;
  readonly breakdown: ScoreBreakdown;
  /** At most `MAX_RUNNERS_UP`, best first. */
  readonly runnersUp: readonly RunnerUp[];
  /** Whether the job looked for a new node and found one: units that score higher may then be among the runners-up. */
  readonly isExploration: boolean;
}

/** What one round decides. Why a job was not placed is asked of `explain`, for the jobs that somebody looks at. */
export interface Plan {
  /** In the order in which the jobs were served. */
  readonly placements: readonly Placement[];
  /** Jobs that stay queued, in the order in which they were tried. */
  readonly unplaced: readonly JobId[];
}
