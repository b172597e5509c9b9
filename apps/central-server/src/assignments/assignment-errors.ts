import type { ErrorSpec } from "@cyxwiz/primitives";

/** Refusals of what a node reports. A refusal is final: the node drops the assignment. */
export const ASSIGNMENT_ERRORS: {
  readonly ASSIGNMENT_OVER: ErrorSpec<{ assignmentId: string }>;
  readonly TOKEN_STALE: ErrorSpec<{ assignmentId: string; token: string; current: string }>;
  readonly STEP_INVALID: ErrorSpec<{ step: string; allowed: string }>;
  readonly ARTIFACT_NOT_FOUND: ErrorSpec<{ what: string; cid: string }>;
  readonly HELLO_MISSING: ErrorSpec<{ got: string }>;
  readonly STREAM_REPLACED: ErrorSpec<{ nodeId: string }>;
  readonly STREAM_STALLED: ErrorSpec<{ nodeId: string; waiting: number }>;
  readonly CHANGE_NOT_FOUND: ErrorSpec<{ jobId: string; changeId: string }>;
  readonly CHANGE_APPLIED: ErrorSpec<{ changeId: string; step: string }>;
  readonly JOB_NOT_ASSIGNED: ErrorSpec<{ jobId: string; nodeId: string }>;
} = {
  ASSIGNMENT_OVER: {
    code: "central/assignment-over",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the assignment ${c.assignmentId} is not yours or has ended: drop it`,
  },
  TOKEN_STALE: {
    code: "central/fencing-token-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the assignment ${c.assignmentId} has fencing token ${c.current}, not ${c.token}: drop what runs under the old one`,
  },
  STEP_INVALID: {
    code: "central/step-out-of-range",
    rpc: "out-of-range",
    retry: "never",
    message: (c) => `step ${c.step} cannot be reported here: allowed is ${c.allowed}`,
  },
  ARTIFACT_NOT_FOUND: {
    code: "central/artifact-not-found",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the ${c.what} ${c.cid} is not an object that this node uploaded, or its size or SHA-256 differs: POST it to /api/objects first`,
  },
  HELLO_MISSING: {
    code: "central/hello-missing",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the first message on StreamTasks was ${c.got}: send hello first`,
  },
  STREAM_REPLACED: {
    code: "central/stream-replaced",
    rpc: "aborted",
    retry: "never",
    message: (c) => `node ${c.nodeId} opened another task stream: one stream per node, the newest counts`,
  },
  STREAM_STALLED: {
    code: "central/stream-stalled",
    rpc: "unavailable",
    retry: "backoff",
    message: (c) => `${c.waiting} messages wait on the task stream of node ${c.nodeId}: read them, and connect again`,
  },
  CHANGE_NOT_FOUND: {
    code: "central/change-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `job ${c.jobId} has no change ${c.changeId}: only what its user asked for may be applied`,
  },
  CHANGE_APPLIED: {
    code: "central/change-already-applied",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the change ${c.changeId} took effect after step ${c.step} already: it is applied once`,
  },
  JOB_NOT_ASSIGNED: {
    code: "central/job-not-assigned",
    rpc: "not-found",
    retry: "never",
    message: (c) => `node ${c.nodeId} has no live assignment of job ${c.jobId}: stop working on it`,
  },
};
