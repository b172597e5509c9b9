/** How a job has to have ended for a command to count as done. */
import { AppError } from "@cyxwiz/primitives";
import type { Job } from "@cyxwiz/protocol/rest";
import { CLI_ERRORS } from "../errors.ts";
import { verificationLine } from "./job-report.ts";

/** @throws AppError `cli/job-ended` with the reason when it ended in another way. */
export function requireCompleted(job: Job): void {
  if (job.state === "COMPLETED") return;
  const reason = job.failure?.message ?? "cancelled";
  throw new AppError(CLI_ERRORS.JOB_ENDED, { jobId: job.job_id, state: job.state, reason });
}

/** @throws AppError `cli/not-verified` with what the verdict is instead. */
export function requireVerified(job: Job): void {
  if (job.verification.verdict === "verified") return;
  throw new AppError(CLI_ERRORS.NOT_VERIFIED, { jobId: job.job_id, verdict: verificationLine(job) });
}
