/**
 * Who is served first.
 *
 * A job's place is a moment: when it was submitted, less a head start per priority level, plus a step back for every job
 * that the same submitter has in front of it. The place does not depend on the present, so jobs never have to be sorted
 * again as they age; and since later arrivals get later moments while everything that moves a job is bounded, each job
 * has only finitely many others in front of it: nobody starves. The step back lets one user's single job pass through
 * the middle of another user's thousand.
 * @see Demers, Keshav, Shenker, "Analysis and simulation of a fair queueing algorithm", SIGCOMM 1989 (the idea of a
 * virtual time per flow).
 */
import type { UserId } from "@cyxwiz/primitives";
import { MAX_PRIORITY } from "../limits.ts";
import type { QueuedJob } from "./snapshot.ts";

/** One level of priority is worth having been submitted ten minutes earlier. */
export const PRIORITY_HEAD_START_MS = 600_000;

/** How far each further waiting job of one submitter stands behind the one before it. */
export const SUBMITTER_STEP_MS = 1_000;

interface Place {
  readonly job: QueuedJob;
  readonly at: number;
}

/** The jobs in the order in which they are served. Ties go by job id. Cost: O(jobs · log jobs). Pure. */
export function orderQueue(queue: readonly QueuedJob[]): readonly QueuedJob[] {
  const alone = queue.map((job): Place => ({ job, at: job.submittedAt - headStart(job.priority) })).toSorted(byPlace);
  const ahead = new Map<UserId, number>();
  const shared = alone.map(({ job, at }): Place => {
    const own = ahead.get(job.submitter) ?? 0;
    ahead.set(job.submitter, own + 1);
    return { job, at: at + own * SUBMITTER_STEP_MS };
  });
  return shared.toSorted(byPlace).map((place) => place.job);
}

function headStart(priority: number): number {
  return Math.max(-MAX_PRIORITY, Math.min(MAX_PRIORITY, priority)) * PRIORITY_HEAD_START_MS;
}

function byPlace(a: Place, b: Place): number {
  if (a.at !== b.at) return a.at - b.at;
  return a.job.jobId < b.job.jobId ? -1 : a.job.jobId > b.job.jobId ? 1 : 0;
}
