/**
 * One round of scheduling: queued jobs onto free units, best unit first come first served in the order of the queue.
 *
 * snapshot → filter (through the index) → score → plan. Pure: the same units, queue and weights give the same plan.
 */
import { AppError, type JobId } from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";
import { MAX_QUEUED_JOBS, MAX_RUNNERS_UP, MAX_SNAPSHOT_UNITS } from "../limits.ts";
import { isExplorationJob } from "./exploration.ts";
import type { Placement, Plan } from "./placement.ts";
import { orderQueue } from "./queue-order.ts";
import { DEFAULT_WEIGHTS, scoreUnit, type ScoreWeights } from "./score.ts";
import type { QueuedJob, UnitSnapshot } from "./snapshot.ts";
import { UnitIndex } from "./unit-index.ts";

/**
 * Places as many jobs as fit.
 *
 * A job gets the best-scored unit that passes every filter at its turn; it never waits for a better one. One job in
 * `EXPLORATION_DIVISOR` gets the best-scored one of a new node instead, if any passes. Cost: about O(log n) for each job, after O(n · log n + m · log m) to index n units and order m jobs.
 * @throws AppError `market/snapshot-exceeded` over `MAX_SNAPSHOT_UNITS` or `MAX_QUEUED_JOBS`.
 */
export function plan(
  snapshot: readonly UnitSnapshot[],
  queue: readonly QueuedJob[],
  weights: ScoreWeights = DEFAULT_WEIGHTS,
): Plan {
  checkSize("units", snapshot.length, MAX_SNAPSHOT_UNITS);
  checkSize("jobs", queue.length, MAX_QUEUED_JOBS);
  const index = new UnitIndex(snapshot, weights);
  const placements: Placement[] = [];
  const unplaced: JobId[] = [];
  for (const job of orderQueue(queue)) {
    const placement = index.free === 0 ? undefined : place(job, index, weights);
    if (placement === undefined) unplaced.push(job.jobId);
    else placements.push(placement);
  }
  return { placements, unplaced };
}

/** The units as they are once a plan's placements are live. Pure. */
export function withPlacements(
  snapshot: readonly UnitSnapshot[],
  placements: readonly Placement[],
): readonly UnitSnapshot[] {
  const taken = new Set(placements.map((placement) => placement.unitId));
  return snapshot.map((unit) => (taken.has(unit.unitId) ? { ...unit, activeJobs: unit.activeJobs + 1 } : unit));
}

function place(job: QueuedJob, index: UnitIndex, weights: ScoreWeights): Placement | undefined {
  const isExploration = isExplorationJob(job.jobId);
  const [winner, ...others] = index.find(job, { count: 1 + MAX_RUNNERS_UP, isNewFirst: isExploration });
  if (winner === undefined) return undefined;
  const { unit, score } = winner;
  const breakdown = scoreUnit(unit, index.nodeLoad(unit), weights);
  index.take(unit);
  const runnersUp = others.map((other) => ({ unitId: other.unit.unitId, score: other.score }));
  return {
    jobId: job.jobId,
    unitId: unit.unitId,
    score,
    breakdown,
    runnersUp,
    isExploration: isExploration && unit.isNew,
  };
}

function checkSize(what: string, have: number, allowed: number): void {
  if (have > allowed) throw new AppError(MARKET_ERRORS.SNAPSHOT_EXCEEDED, { what, have, allowed });
}
