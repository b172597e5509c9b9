import type { ErrorSpec } from "@cyxwiz/primitives";

export const CLI_ERRORS: {
  readonly USAGE: ErrorSpec<{ message: string }>;
  readonly NOT_SIGNED_IN: ErrorSpec<{ command: string }>;
  readonly FILE_UNREADABLE: ErrorSpec<{ path: string; reason: string }>;
  readonly PROGRAM_ENDED: ErrorSpec<{ program: string; exit: string; log: string }>;
  readonly PROGRAM_SLOW: ErrorSpec<{ program: string; seconds: number; log: string }>;
  readonly PROGRAM_LOST: ErrorSpec<{ program: string; exit: string; log: string }>;
  readonly JOB_ENDED: ErrorSpec<{ jobId: string; state: string; reason: string }>;
  readonly MODEL_ABSENT: ErrorSpec<{ jobId: string; state: string; format: string }>;
  readonly DOWNLOAD_CORRUPT: ErrorSpec<{ path: string; expected: string; actual: string }>;
  readonly DOWNLOAD_CUT: ErrorSpec<{ path: string; reason: string }>;
} = {
  USAGE: { code: "cli/usage", rpc: "invalid-argument", retry: "never", message: (c) => c.message },
  NOT_SIGNED_IN: {
    code: "cli/not-signed-in",
    rpc: "unauthenticated",
    retry: "never",
    message: (c) => `"${c.command}" needs an account: run "cyxwiz login --register" (or "cyxwiz login") first`,
  },
  FILE_UNREADABLE: {
    code: "cli/file-unreadable",
    rpc: "not-found",
    retry: "never",
    message: (c) => `cannot read ${c.path}: ${c.reason}`,
  },
  PROGRAM_ENDED: {
    code: "cli/program-ended",
    rpc: "internal",
    retry: "never",
    message: (c) => `${c.program} ended (${c.exit}) before it was ready; the last lines of its log:\n${c.log}`,
  },
  PROGRAM_SLOW: {
    code: "cli/program-slow",
    rpc: "deadline-exceeded",
    retry: "never",
    message: (c) => `${c.program} was not ready after ${c.seconds} s; the last lines of its log:\n${c.log}`,
  },
  PROGRAM_LOST: {
    code: "cli/program-lost",
    rpc: "unavailable",
    retry: "never",
    message: (c) => `${c.program} ended by itself (${c.exit}); the last lines of its log:\n${c.log}`,
  },
  JOB_ENDED: {
    code: "cli/job-ended",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `job ${c.jobId} ended as ${c.state}: ${c.reason}`,
  },
  MODEL_ABSENT: {
    code: "cli/model-absent",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `job ${c.jobId} is ${c.state} and has no ${c.format} to download`,
  },
  DOWNLOAD_CORRUPT: {
    code: "cli/download-corrupt",
    rpc: "internal",
    retry: "now",
    message: (c) =>
      `${c.path} arrived with SHA-256 ${c.actual} instead of ${c.expected}; it was removed, run the command again`,
  },
  DOWNLOAD_CUT: {
    code: "cli/download-cut",
    rpc: "unavailable",
    retry: "now",
    message: (c) => `the download of ${c.path} broke off (${c.reason}); run the command again`,
  },
};
