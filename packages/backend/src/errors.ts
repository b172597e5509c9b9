/** Every failure of this package. `isJobFault` says whose it is: the job's (its graph, data or settings) or the node's. */
import { type ErrorSpec, isAppError } from "@cyxwiz/primitives";

type Problem = { readonly where: string; readonly problem: string };

export const BACKEND_ERRORS: {
  readonly SAFETENSORS_MALFORMED: ErrorSpec<Problem>;
  readonly DATASET_MALFORMED: ErrorSpec<{ problem: string }>;
  readonly DATASET_TOO_LARGE: ErrorSpec<{ what: string; sizeBytes: number; maxBytes: number }>;
  readonly DATA_NOT_FINITE: ErrorSpec<{ tensor: string; row: number; value: string }>;
  readonly LABEL_OUT_OF_RANGE: ErrorSpec<{ tensor: string; row: number; label: string; classes: number }>;
  readonly DATASET_UNFIT: ErrorSpec<{ problem: string }>;
  readonly DATA_SPEC_INVALID: ErrorSpec<{ spec: string; problem: string }>;
  readonly CSV_INVALID: ErrorSpec<{ line: number; column: string; problem: string }>;
  readonly IDX_MALFORMED: ErrorSpec<Problem>;
  readonly FILE_UNREADABLE: ErrorSpec<Problem>;
  readonly SETTING_INVALID: ErrorSpec<{ field: string; value: string; allowed: string }>;
  readonly CHECKPOINT_MISMATCH: ErrorSpec<{ field: string; found: string; expected: string }>;
  readonly LOSS_NOT_FINITE: ErrorSpec<{ step: number }>;
  readonly REPLAY_STOPPED: ErrorSpec<{ step: number; toStep: number }>;
  readonly DRIVER_UNAVAILABLE: ErrorSpec<{ driver: string; reason: string }>;
  readonly DRIVER_FAILED: ErrorSpec<{ driver: string; during: string; reason: string }>;
  readonly MEMORY_EXCEEDED: ErrorSpec<{ usedBytes: number; limitBytes: number }>;
  readonly TRAINER_LOST: ErrorSpec<{ exit: string }>;
} = {
  SAFETENSORS_MALFORMED: {
    code: "backend/safetensors-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.where} is not a safetensors file that can be read: ${c.problem}`,
  },
  DATASET_MALFORMED: {
    code: "backend/dataset-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the dataset object is malformed: ${c.problem}. Make it again from its source`,
  },
  DATASET_TOO_LARGE: {
    code: "backend/dataset-too-large",
    rpc: "resource-exhausted",
    retry: "never",
    message: (c) => `${c.what} has ${c.sizeBytes} bytes; at most ${c.maxBytes} are allowed. Use fewer samples`,
  },
  DATA_NOT_FINITE: {
    code: "backend/data-not-finite",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `${c.tensor} holds ${c.value} in row ${c.row}: every value must be a finite number. Remove or fill the row`,
  },
  LABEL_OUT_OF_RANGE: {
    code: "backend/label-out-of-range",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.tensor} holds label ${c.label} in row ${c.row}: allowed are 0 to ${c.classes - 1}`,
  },
  DATASET_UNFIT: {
    code: "backend/dataset-unfit",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the dataset does not fit the graph: ${c.problem}`,
  },
  DATA_SPEC_INVALID: {
    code: "backend/data-spec-invalid",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `"${c.spec}" does not name a dataset: ${c.problem}. Allowed: mnist, idx:IMAGES,LABELS[,TEST IMAGES,TEST LABELS], csv:FILE?label=COLUMN`,
  },
  CSV_INVALID: {
    code: "backend/csv-invalid",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `line ${c.line}, column "${c.column}": ${c.problem}`,
  },
  IDX_MALFORMED: {
    code: "backend/idx-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.where} is not an IDX file that can be read: ${c.problem}`,
  },
  FILE_UNREADABLE: {
    code: "backend/file-unreadable",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `${c.where} cannot be read: ${c.problem}`,
  },
  SETTING_INVALID: {
    code: "backend/setting-invalid",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.field} is ${c.value}: allowed is ${c.allowed}`,
  },
  CHECKPOINT_MISMATCH: {
    code: "backend/checkpoint-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the checkpoint is of another run: its ${c.field} is ${c.found}, this job's is ${c.expected}`,
  },
  LOSS_NOT_FINITE: {
    code: "backend/loss-not-finite",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the loss of step ${c.step} is not a finite number: lower the learning rate or scale the data`,
  },
  REPLAY_STOPPED: {
    code: "backend/replay-stopped",
    rpc: "unavailable",
    retry: "backoff",
    message: (c) => `the replay was stopped after step ${c.step} of ${c.toStep}, so it says nothing of its interval`,
  },
  DRIVER_UNAVAILABLE: {
    code: "backend/driver-unavailable",
    rpc: "unavailable",
    retry: "never",
    message: (c) => `the training driver ${c.driver} does not load on this machine: ${c.reason}`,
  },
  DRIVER_FAILED: {
    code: "backend/driver-failed",
    rpc: "internal",
    retry: "backoff",
    message: (c) => `the training driver ${c.driver} failed during ${c.during}: ${c.reason}`,
  },
  MEMORY_EXCEEDED: {
    code: "backend/memory-exceeded",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) =>
      `the trainer uses ${c.usedBytes} bytes of memory and may use ${c.limitBytes}: use a smaller batch or a larger limit`,
  },
  TRAINER_LOST: {
    code: "backend/trainer-lost",
    rpc: "unavailable",
    retry: "backoff",
    message: (c) => `the training process ended without a result: ${c.exit}`,
  },
};

const NODE_FAULTS: ReadonlySet<string> = new Set(
  [
    BACKEND_ERRORS.FILE_UNREADABLE,
    BACKEND_ERRORS.REPLAY_STOPPED,
    BACKEND_ERRORS.DRIVER_UNAVAILABLE,
    BACKEND_ERRORS.DRIVER_FAILED,
    BACKEND_ERRORS.MEMORY_EXCEEDED,
    BACKEND_ERRORS.TRAINER_LOST,
  ].map((spec) => spec.code),
);

/** True when the same job would fail on every node: its graph, data or settings are wrong. */
export function isJobFault(error: unknown): boolean {
  if (!isAppError(error)) return false;
  return error.code.startsWith("graph/") || (error.code.startsWith("backend/") && !NODE_FAULTS.has(error.code));
}
