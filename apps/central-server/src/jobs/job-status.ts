/** A job's status as JobService sends it: the deployed fields, and ours from 100 up. Pure. */
import type { JobState } from "@cyxwiz/market";
import { toWireJobStatus, toWireTime, type JobService } from "@cyxwiz/protocol";
import type { ServiceHandlers } from "@cyxwiz/protocol/server";
import type { JobHistory, JobRecord } from "./job-query.ts";
import { presentPayment, progressOf } from "./job-view.ts";
import type { JobProgress } from "./live-progress.ts";
import type { JobFailure, JobResultRecord } from "../verification/job-ending.ts";

type Answer = Awaited<ReturnType<NonNullable<ServiceHandlers<typeof JobService>["getJobStatus"]>>>;
/** JobStatus as a plain object. */
export type WireJobStatus = NonNullable<Answer["status"]>;

export interface StatusExtras {
  readonly live: JobProgress | undefined;
  readonly history?: JobHistory;
}

export function toJobStatus(record: JobRecord, { live, history }: StatusExtras): WireJobStatus {
  const { job, attempt } = record;
  const progress = progressOf(record, { live });
  const payment = presentPayment(record);
  const failure = job.state === "FAILED" ? (job.failure as JobFailure | null) : null;
  const totalSteps = Number(job.total_steps);
  return {
    jobId: job.id,
    status: toWireJobStatus(job.state as JobState, payment.escrow_state === "SETTLED"),
    progress: Math.min(1, progress.step / totalSteps),
    currentNodeId: attempt?.ended_at === null ? attempt.node_id : "",
    startTime: toWireTime(job.started_at?.getTime()),
    endTime: toWireTime(job.ended_at?.getTime()),
    ...(failure && { error: { code: 500, message: failure.message, details: failure.code } }),
    metrics: metricsOf(progress, job.result as JobResultRecord | null),
    currentEpoch: progress.epoch,
    state: job.state,
    step: BigInt(progress.step),
    totalSteps: job.total_steps,
    samplesPerSecond: progress.samplesPerSecond ?? 0,
    secondsLeft: progress.secondsLeft ?? 0,
    payment: {
      quoted: payment.quoted,
      owner: payment.owner,
      platform: payment.platform,
      refunded: payment.refunded,
      escrowState: payment.escrow_state,
    },
    verification: job.verification,
    totalEpochs: job.total_epochs,
    ...(history && {
      events: history.events.map(({ at, kind, message }) => ({ at: BigInt(at.getTime()), kind, message })),
    }),
  };
}

/** What is known now, under the names that existing panels plot. */
function metricsOf(progress: JobProgress, result: JobResultRecord | null): Record<string, number> {
  const { loss, accuracy, testAccuracy } = progress;
  const now = { loss, accuracy, test_accuracy: testAccuracy };
  const known = Object.entries(now).filter((entry): entry is [string, number] => entry[1] !== null);
  return { ...Object.fromEntries(known), ...result?.metrics };
}
