import type { ErrorSpec } from "@cyxwiz/primitives";

export const JOB_ERRORS: {
  readonly JOB_NOT_FOUND: ErrorSpec<{ jobId: string }>;
  readonly JOB_ID_TAKEN: ErrorSpec<{ jobId: string }>;
  readonly SUBMISSION_CAPACITY_EXCEEDED: ErrorSpec<{ waiting: number }>;
  readonly JOB_ALREADY_ENDED: ErrorSpec<{ jobId: string; state: string }>;
  readonly JOB_NOT_ENDED: ErrorSpec<{ jobId: string; state: string }>;
  readonly JOB_IN_VERIFICATION: ErrorSpec<{ jobId: string }>;
  readonly MODEL_NOT_FOUND: ErrorSpec<{ jobId: string; format: string; state: string }>;
  readonly JOB_TYPE_UNSUPPORTED: ErrorSpec<{ jobType: number }>;
  readonly DATASET_MISSING: ErrorSpec<Record<never, never>>;
  readonly JOB_CONFIG_MALFORMED: ErrorSpec<{ problems: readonly string[] }>;
  readonly BATCH_NOT_DIVISOR: ErrorSpec<{ asked: number; own: number; allowed: readonly number[] }>;
  readonly CHANGES_EXCEEDED: ErrorSpec<{ jobId: string; allowed: number }>;
  readonly CEILING_EXCEEDED: ErrorSpec<{ ceiling: string; amount: string }>;
} = {
  JOB_NOT_FOUND: {
    code: "central/job-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `you have no job ${c.jobId}: GET /api/jobs lists yours`,
  },
  JOB_ID_TAKEN: {
    code: "central/job-id-taken",
    rpc: "already-exists",
    retry: "never",
    message: (c) => `the job id ${c.jobId} is already used for something else: draw a new one, or leave it out`,
  },
  SUBMISSION_CAPACITY_EXCEEDED: {
    code: "central/submission-capacity-exceeded",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) =>
      `${c.waiting} submissions are already waiting and nothing was locked: send this one again in a few seconds`,
  },
  JOB_ALREADY_ENDED: {
    code: "central/job-already-ended",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the job ${c.jobId} is ${c.state}: there is nothing left to change or cancel`,
  },
  JOB_NOT_ENDED: {
    code: "central/job-not-ended",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the job ${c.jobId} is ${c.state}: cancel it first, then delete it`,
  },
  JOB_IN_VERIFICATION: {
    code: "central/job-in-verification",
    rpc: "failed-precondition",
    retry: "backoff",
    message: (c) =>
      `every step of the job ${c.jobId} is done and its result is being checked: it cannot be changed or cancelled now`,
  },
  MODEL_NOT_FOUND: {
    code: "central/model-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) =>
      `the job ${c.jobId} is ${c.state} and has no ${c.format} model: it is there once the job is COMPLETED`,
  },
  JOB_TYPE_UNSUPPORTED: {
    code: "central/job-type-unsupported",
    rpc: "unimplemented",
    retry: "never",
    message: (c) => `job_type ${c.jobType} is not offered here: send JOB_TYPE_TRAINING (1)`,
  },
  DATASET_MISSING: {
    code: "central/dataset-missing",
    rpc: "invalid-argument",
    retry: "never",
    message: () =>
      "the job names no dataset: upload it with POST /api/objects and send its descriptor as dataset (field 101), or send quote_id",
  },
  JOB_CONFIG_MALFORMED: {
    code: "central/job-config-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the job's configuration is not allowed: ${c.problems.join("; ")}`,
  },
  BATCH_NOT_DIVISOR: {
    code: "central/batch-size-not-a-divisor",
    rpc: "out-of-range",
    retry: "never",
    message: (c) =>
      `batch_size ${c.asked} does not divide the job's ${c.own}: a step keeps its samples and its price, so allowed are ${c.allowed.join(", ")}`,
  },
  CHANGES_EXCEEDED: {
    code: "central/changes-exceeded",
    rpc: "resource-exhausted",
    retry: "never",
    message: (c) => `the job ${c.jobId} was changed ${c.allowed} times already: every change stays in its receipt`,
  },
  CEILING_EXCEEDED: {
    code: "central/payment-ceiling-exceeded",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the job costs ${c.amount} CYXWIZ and payment_amount allows ${c.ceiling}: raise it, or train fewer epochs`,
  },
};
