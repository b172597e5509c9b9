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
  readonly DOWNLOAD_CORRUPT: ErrorSpec<{ path: string; kind: string; expected: string; actual: string }>;
  readonly DOWNLOAD_CUT: ErrorSpec<{ path: string; reason: string }>;
  readonly NOT_VERIFIED: ErrorSpec<{ jobId: string; verdict: string }>;
  readonly KEYS_UNREADABLE: ErrorSpec<{ path: string; reason: string }>;
  readonly KEY_MALFORMED: ErrorSpec<{ source: string; reason: string }>;
  readonly KEY_CONFLICT: ErrorSpec<{ source: string; network: string; known: string; given: string }>;
  readonly RECEIPT_MISMATCH: ErrorSpec<{ asked: string; received: string }>;
  readonly RERUN_IMPOSSIBLE: ErrorSpec<{ jobId: string; reason: string }>;
  readonly RERUN_FILES_MISSING: ErrorSpec<{ files: readonly string[]; folder: string; reason: string }>;
  readonly RERUN_NOT_COMPARABLE: ErrorSpec<{ theirs: string; here: string; reason: string }>;
  readonly RERUN_FAILED: ErrorSpec<{ step: number; code: string; reason: string }>;
  readonly RERUN_DIFFERS: ErrorSpec<{ jobId: string; differing: readonly string[] }>;
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
      `${c.path} arrived with ${c.kind} ${c.actual} instead of ${c.expected}; it was removed, run the command again`,
  },
  DOWNLOAD_CUT: {
    code: "cli/download-cut",
    rpc: "unavailable",
    retry: "now",
    message: (c) => `the download of ${c.path} broke off (${c.reason}); run the command again`,
  },
  NOT_VERIFIED: {
    code: "cli/not-verified",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `job ${c.jobId} is done, but its result is not verified; the verdict is ${c.verdict}`,
  },
  KEYS_UNREADABLE: {
    code: "cli/keys-unreadable",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the remembered market keys in ${c.path} cannot be read (${c.reason}): remove the file, then "cyxwiz receipt trust" each market again`,
  },
  KEY_MALFORMED: {
    code: "cli/key-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `${c.source} holds no key of a market (${c.reason}): expected an Ed25519 public key in PEM, or what GET /api/receipts/keys answers`,
  },
  KEY_CONFLICT: {
    code: "cli/key-conflict",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `${c.source} says that it is ${c.network} with key ${c.given}, but you know ${c.network} by ${c.known}: one of the two is not that market. If you are sure of this one: cyxwiz receipt trust ${c.source} --replace`,
  },
  RECEIPT_MISMATCH: {
    code: "cli/receipt-mismatch",
    rpc: "internal",
    retry: "never",
    message: (c) => `the market gave the receipt of job ${c.received} instead of ${c.asked}; nothing was saved`,
  },
  RERUN_IMPOSSIBLE: {
    code: "cli/rerun-impossible",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `nothing of job ${c.jobId} can be run again: ${c.reason}`,
  },
  RERUN_FILES_MISSING: {
    code: "cli/rerun-files-missing",
    rpc: "not-found",
    retry: "never",
    message: (c) =>
      `a re-run needs what is not in ${c.folder}: ${c.files.join(", ")}. It cannot be downloaded: ${c.reason}. Say where it is with --files DIR`,
  },
  RERUN_NOT_COMPARABLE: {
    code: "cli/rerun-not-comparable",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `bits can only be compared within one lowering, build, hardware class and number of threads: the job ran on ${c.theirs}, this machine has ${c.here}; ${c.reason}`,
  },
  RERUN_FAILED: {
    code: "cli/rerun-failed",
    rpc: "internal",
    retry: "never",
    message: (c) => `the re-run ended at step ${c.step}: ${c.reason} (${c.code})`,
  },
  RERUN_DIFFERS: {
    code: "cli/rerun-differs",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the re-run of job ${c.jobId} on this machine does not give what its receipt says; differing: ${c.differing.join(", ")}`,
  },
};
