/** A job as REST shows it. Pure: everything it needs is given. */
import { addAmounts, amount, formatAmount, ZERO } from "@cyxwiz/primitives";
import type { EscrowState, JobState } from "@cyxwiz/market";
import type { Job } from "@cyxwiz/protocol/rest";
import { parseEscrowShares } from "../payments/escrow-service.ts";
import type { QuotedOffer } from "../quotes/quote-record.ts";
import type { JobHistory, JobRecord } from "./job-query.ts";
import { isEnded } from "./job-state.ts";
import { NO_PROGRESS, type JobProgress } from "./live-progress.ts";
import type { JobFailure, JobResultRecord } from "../verification/job-ending.ts";

export type JobSummary = Omit<Job, "events" | "checkpoints" | "placement" | "changes">;

/** What is known of a job beside its rows. */
export interface JobNow {
  /** What the node said last; absent when it does not run now. */
  readonly live: JobProgress | undefined;
  /** Why it has no node yet; null when it does not wait. */
  readonly waitingBecause: string | null;
}

export function presentJob(record: JobRecord, history: JobHistory, now: JobNow): Job {
  return {
    ...presentSummary(record, now),
    placement: presentPlacement(record),
    checkpoints: history.checkpoints.map(({ step, cid, sha256, size_bytes }) => ({
      step: Number(step),
      cid,
      sha256,
      size_bytes: Number(size_bytes),
    })),
    changes: history.changes.map((change) => ({
      change_id: change.id,
      learning_rate: change.learning_rate,
      batch_size: change.batch_size,
      stop: change.stop,
      requested_at: change.requested_at.toISOString(),
      applied_step: change.applied_step === null ? null : Number(change.applied_step),
    })),
    events: history.events.map(({ at, kind, message }) => ({ at: at.toISOString(), kind, message })),
  };
}

/** The placement as it was decided, beside what the other units had offered when the job was quoted. */
function presentPlacement({ job, quote, attempt }: JobRecord): Job["placement"] {
  const placement = job.placement as Omit<NonNullable<Job["placement"]>, "other_offers"> | null;
  if (placement === null) return null;
  const { best, alternatives } = quote.offer as QuotedOffer;
  const shown = new Set([attempt?.unit_id, ...placement.runners_up.map((unit) => unit.unit_id)]);
  const others = [best, ...alternatives].filter((offer) => !shown.has(offer.unit_id));
  return {
    ...placement,
    other_offers: others.map(({ node_name, unit_id, cost, seconds_expected, score }) => {
      return { node_name, unit_id, cost, seconds_expected, score };
    }),
  };
}

export function presentSummary(record: JobRecord, now: JobNow): JobSummary {
  const { job, quote, attempt } = record;
  const progress = progressOf(record, now);
  const result = job.result as JobResultRecord | null;
  const totalSteps = Number(job.total_steps);
  const isHeld = attempt !== null && (attempt.ended_at === null || isEnded(job.state));
  return {
    job_id: job.id,
    name: job.name,
    state: job.state as JobState,
    created_at: job.created_at.toISOString(),
    started_at: job.started_at?.toISOString() ?? null,
    ended_at: job.ended_at?.toISOString() ?? null,
    progress: Math.min(1, progress.step / totalSteps),
    step: progress.step,
    total_steps: totalSteps,
    epoch: progress.epoch,
    total_epochs: job.total_epochs,
    loss: finite(progress.loss),
    accuracy: finite(progress.accuracy),
    samples_per_second: finite(progress.samplesPerSecond),
    seconds_left: isEnded(job.state) ? null : finite(progress.secondsLeft),
    metrics: { ...result?.metrics },
    node: isHeld
      ? { node_id: attempt.node_id, name: attempt.node_name, unit_id: attempt.unit_id, device: attempt.device }
      : null,
    payment: presentPayment(record),
    verification: presentVerification(record),
    has_receipt: record.hasReceipt,
    seed: quote.seed,
    failure: job.failure as JobFailure | null,
    waiting_because: now.waitingBecause,
    files: { onnx: result?.onnx ?? null, weights: result?.weights ?? null },
  };
}

/** How the result was checked, and by whom. */
function presentVerification({ job, verification, reruns }: JobRecord): Job["verification"] {
  const paid = reruns.map((rerun) => amount(rerun.paid));
  const isDrawn = verification !== null && verification.from_step !== null && verification.to_step !== null;
  return {
    verdict: job.verification as Job["verification"]["verdict"],
    interval: isDrawn ? { from: Number(verification.from_step), to: Number(verification.to_step) } : null,
    reruns: reruns.map(({ machine_id, name, is_platform, outcome, distance, paid: units }) => ({
      node_id: machine_id,
      node_name: name,
      is_platform,
      outcome: outcome as Job["verification"]["reruns"][number]["outcome"],
      distance,
      paid: formatAmount(amount(units)),
    })),
    paid: formatAmount(addAmounts(...paid)),
  };
}

/** The live figures, else the last written ones; never behind what is committed. */
export function progressOf({ job }: JobRecord, { live }: Pick<JobNow, "live">): JobProgress {
  const progress = live ?? { ...NO_PROGRESS, ...(job.progress as Partial<JobProgress>) };
  return { ...progress, step: Math.max(progress.step, Number(job.committed_step)) };
}

export function presentPayment({ quote, escrow }: JobRecord): Job["payment"] {
  const shares = escrow ? parseEscrowShares(escrow.shares) : [];
  return {
    escrow_state: (escrow?.state ?? "NONE") as EscrowState,
    quoted: formatAmount(amount(quote.amount)),
    owner: formatAmount(amount(escrow?.owner_amount ?? ZERO)),
    platform: formatAmount(amount(escrow?.platform_amount ?? ZERO)),
    refunded: formatAmount(amount(escrow?.refunded_amount ?? ZERO)),
    shares: shares.flatMap(({ node_id, unit_id, amount }) => (node_id === null ? [] : { node_id, unit_id, amount })),
  };
}

/** JSON has no NaN: a diverged loss is shown as none. */
function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
