import type { ErrorSpec } from "@cyxwiz/primitives";

/** Refusals of what nodes commit and of what verifiers report. */
export const VERIFICATION_ERRORS: {
  readonly CHAIN_MISMATCH: ErrorSpec<{ jobId: string; committed: string; expected: string }>;
  readonly COMMITMENT_MISSING: ErrorSpec<{ jobId: string; missing: string }>;
  readonly LAST_CHECKPOINT_MISSING: ErrorSpec<{ step: string; committed: string }>;
  readonly CHAIN_GAP: ErrorSpec<{ step: string; next: string }>;
  readonly CHECKPOINT_TOO_LARGE: ErrorSpec<{ sizeBytes: string; allowedBytes: string }>;
  readonly VERIFIER_NOT_INDEPENDENT: ErrorSpec<{ jobId: string; nodeId: string }>;
  readonly RERUN_CLASS_MISMATCH: ErrorSpec<{ reported: string; assigned: string }>;
  readonly RERUN_EXPECTED: ErrorSpec<{ report: string; kind: string }>;
} = {
  CHAIN_MISMATCH: {
    code: "central/chain-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the chain of job ${c.jobId} has root ${c.expected} from what was reported, not ${c.committed}: the result must stand for every checkpoint and change, in their order, and for the model`,
  },
  COMMITMENT_MISSING: {
    code: "central/commitment-missing",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `job ${c.jobId} is to be checked, and the report has no ${c.missing}: only jobs of class unverified are done without a checkpoint chain`,
  },
  LAST_CHECKPOINT_MISSING: {
    code: "central/last-checkpoint-missing",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the result is of step ${c.step}, and the last checkpoint is of step ${c.committed}: a model is made of the last checkpoint, which is committed before it`,
  },
  CHAIN_GAP: {
    code: "central/chain-gap",
    rpc: "out-of-range",
    retry: "never",
    message: (c) => `step ${c.step} leaves a gap: the next checkpoint is due at step ${c.next} or before it`,
  },
  CHECKPOINT_TOO_LARGE: {
    code: "central/checkpoint-too-large",
    rpc: "out-of-range",
    retry: "never",
    message: (c) =>
      `the checkpoint has ${c.sizeBytes} bytes; a state of this graph has at most ${c.allowedBytes}: commit weights, statistics and optimizer state, and nothing else`,
  },
  VERIFIER_NOT_INDEPENDENT: {
    code: "central/verifier-not-independent",
    rpc: "permission-denied",
    retry: "never",
    message: (c) =>
      `node ${c.nodeId} cannot check job ${c.jobId}: its owner trained a piece of it, pays for it, or has answered already`,
  },
  RERUN_CLASS_MISMATCH: {
    code: "central/rerun-class-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the re-run was made with ${c.reported}, and was given to ${c.assigned}: its bits say nothing`,
  },
  RERUN_EXPECTED: {
    code: "central/report-kind-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `a ${c.report} report does not belong to an assignment of kind ${c.kind}`,
  },
};
