/**
 * The progress of running jobs: in memory as it comes, written together once a second.
 *
 * The curves of losses and of test accuracies keep at most `MAX_LOSS_POINTS` points each, evenly over the job's steps,
 * whatever a node sends.
 */
import type { JobId } from "@cyxwiz/primitives";
import { sql } from "kysely";
import type { Database } from "../database/open-database.ts";
import { MAX_LOSS_POINTS } from "./limits.ts";

/** Units: steps and epochs are counted from the job's begin; `secondsLeft` at the present rate. */
export interface JobProgress {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number | null;
  readonly accuracy: number | null;
  readonly testAccuracy: number | null;
  readonly samplesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

export const NO_PROGRESS: JobProgress = {
  step: 0,
  epoch: 0,
  loss: null,
  accuracy: null,
  testAccuracy: null,
  samplesPerSecond: null,
  secondsLeft: null,
};

interface LossPoint {
  readonly jobId: JobId;
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number | null;
  readonly testAccuracy: number | null;
}

export class LiveProgress {
  readonly #db: Database;
  readonly #latest = new Map<JobId, JobProgress>();
  readonly #changed = new Set<JobId>();
  /** The last bucket of each curve that has a point: `<job>` for losses, `<job> test` for test accuracies. */
  readonly #lastBucket = new Map<string, number>();
  #points: LossPoint[] = [];
  readonly #listeners: ((jobId: JobId) => void)[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** Calls the listener for every job whose row a flush wrote, from now on. */
  onWritten(listener: (jobId: JobId) => void): void {
    this.#listeners.push(listener);
  }

  /** Notes progress of a job of `totalSteps` steps. */
  note(jobId: JobId, progress: JobProgress, totalSteps: number): void {
    this.#latest.set(jobId, progress);
    this.#changed.add(jobId);
    if (progress.loss === null) return;
    const curve = progress.testAccuracy === null ? jobId : `${jobId} test`;
    const bucket = Math.floor((progress.step * MAX_LOSS_POINTS) / totalSteps);
    if (this.#lastBucket.get(curve) === bucket) return;
    this.#lastBucket.set(curve, bucket);
    const { step, loss, accuracy, testAccuracy } = progress;
    this.#points.push({ jobId, step, loss, accuracy, testAccuracy });
  }

  /** What the node said last, if the job runs now. */
  latest(jobId: JobId): JobProgress | undefined {
    return this.#latest.get(jobId);
  }

  /** The attempt is over; what it said is still written by the next flush. */
  forget(jobId: JobId): void {
    this.#lastBucket.delete(jobId);
    this.#lastBucket.delete(`${jobId} test`);
    this.#changed.delete(jobId);
    this.#latest.delete(jobId);
  }

  async flush(): Promise<void> {
    const jobs = [...this.#changed].flatMap((jobId) => {
      const progress = this.#latest.get(jobId);
      return progress ? [{ jobId, progress }] : [];
    });
    const points = this.#points;
    this.#changed.clear();
    this.#points = [];
    try {
      await this.#writeProgress(jobs);
      await this.#writePoints(points);
    } catch (error) {
      for (const { jobId } of jobs) this.#changed.add(jobId);
      this.#points = [...points, ...this.#points];
      throw error;
    }
  }

  async #writeProgress(jobs: readonly { readonly jobId: JobId; readonly progress: JobProgress }[]): Promise<void> {
    if (jobs.length === 0) return;
    const ids = jobs.map((job) => job.jobId as string);
    const values = jobs.map((job) => JSON.stringify(job.progress));
    await sql`
      update jobs set progress = live.progress::jsonb
      from unnest(${ids}::uuid[], ${values}::text[]) as live (id, progress)
      where jobs.id = live.id and jobs.state = 'RUNNING'
    `.execute(this.#db);
    for (const { jobId } of jobs) for (const listener of this.#listeners) listener(jobId);
  }

  /** A step that a second attempt did again replaces the first one's point. */
  async #writePoints(points: readonly LossPoint[]): Promise<void> {
    if (points.length === 0) return;
    const bySteps = new Map(points.map((point) => [`${point.jobId} ${point.step}`, point]));
    await this.#db
      .insertInto("loss_points")
      .values(
        [...bySteps.values()].map((point) => ({
          job_id: point.jobId,
          step: BigInt(point.step),
          loss: point.loss,
          accuracy: point.accuracy,
          test_accuracy: point.testAccuracy,
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(["job_id", "step"]).doUpdateSet((eb) => ({
          loss: eb.ref("excluded.loss"),
          accuracy: eb.ref("excluded.accuracy"),
          test_accuracy: eb.ref("excluded.test_accuracy"),
        })),
      )
      .execute();
  }
}
