/**
 * Answers of GetJobStatus, kept until something about their job changes.
 *
 * Whoever writes a job's row, its history or its attempt tells `JobSignals` after the commit; what was read before that
 * is dropped, and so is a read that the news finds under way. So an answer begun after a change was told is never the
 * one from before it. Three things are not left to the signal:
 *
 * - An answer goes only to the user for whom the database gave it; anyone else is answered by the database.
 * - The payment of an ended job is confirmed apart from it: until then nothing of it is kept.
 * - A commit whose acknowledgement was lost tells nobody: no answer is older than `JOB_STATUS_AGE_MS`.
 */
import type { Clock } from "@cyxwiz/platform";
import type { JobId, UserId } from "@cyxwiz/primitives";
import { lastingAnswer } from "@cyxwiz/protocol/server";
import type { JobHistory, JobRecord } from "./job-query.ts";
import type { JobSignals } from "./job-signals.ts";
import { isEnded } from "./job-state.ts";
import { toJobStatus, type WireJobStatus } from "./job-status.ts";
import { JOB_STATUS_AGE_MS, JOB_STATUSES_KEPT } from "./limits.ts";
import type { JobProgress, LiveProgress } from "./live-progress.ts";

export interface JobStatusCacheOptions {
  readonly clock: Clock;
  readonly signals: JobSignals;
  readonly progress: LiveProgress;
  /** Reads a user's job from the database. @throws AppError `central/job-not-found`, also for another user's. */
  readonly read: (jobId: JobId, userId: UserId) => Promise<ReadJob>;
}

export interface ReadJob {
  readonly record: JobRecord;
  readonly history: JobHistory;
}

/** GetJobStatus's answer when it is not a refusal. */
export interface JobStatusAnswer {
  readonly status: WireJobStatus;
}

interface Known {
  readonly userId: UserId;
  /** On the monotonic clock, when the read began. */
  readonly begunAt: number;
  readonly job: Promise<ReadJob>;
  /** The last answer, and the progress that it shows. */
  shown?: { readonly live: JobProgress | undefined; readonly answer: JobStatusAnswer };
}

export class JobStatusCache {
  readonly #options: JobStatusCacheOptions;
  readonly #known = new Map<JobId, Known>();

  constructor(options: JobStatusCacheOptions) {
    this.#options = options;
    const drop = (jobId: JobId): void => void this.#known.delete(jobId);
    options.signals.onChange(drop);
    options.progress.onWritten(drop);
  }

  /** The job as it is now. @throws AppError `central/job-not-found`, also for another user's job. */
  async answer(jobId: JobId, userId: UserId): Promise<JobStatusAnswer> {
    const { read, progress } = this.#options;
    const known = this.#find(jobId);
    // A stranger's read must not stand in the way of the owner's, nor the owner's answer a stranger.
    if (known && known.userId !== userId) {
      const { record, history } = await read(jobId, userId);
      return { status: toJobStatus(record, { live: progress.latest(jobId), history }) };
    }
    const mine = known ?? this.#begin(jobId, userId);
    const { record, history } = await mine.job;
    const live = progress.latest(jobId);
    if (!mine.shown || mine.shown.live !== live) {
      mine.shown = { live, answer: lastingAnswer({ status: toJobStatus(record, { live, history }) }) };
    }
    return mine.shown.answer;
  }

  #find(jobId: JobId): Known | undefined {
    const known = this.#known.get(jobId);
    if (!known || this.#options.clock.monotonic() - known.begunAt < JOB_STATUS_AGE_MS) return known;
    this.#known.delete(jobId);
    return undefined;
  }

  #begin(jobId: JobId, userId: UserId): Known {
    const { clock, read } = this.#options;
    const known: Known = { userId, begunAt: clock.monotonic(), job: read(jobId, userId) };
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < JOB_STATUSES_KEPT) break;
      this.#known.delete(oldest);
    }
    this.#known.set(jobId, known);
    const drop = (): void => {
      if (this.#known.get(jobId) === known) this.#known.delete(jobId);
    };
    known.job.then((job) => isWhole(job) || drop(), drop);
    return known;
  }
}

/** Everything that can still happen to what was read is told by signals. */
function isWhole({ record: { job, escrow } }: ReadJob): boolean {
  return !isEnded(job.state) || escrow?.state === "SETTLED";
}
