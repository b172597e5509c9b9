/**
 * What can change a node's reputation, and what each change follows from.
 *
 * A change is stored and shown as it is (hence the JSON's own names), and holds all that the rules ask: a reputation can
 * be worked out again from the list of its changes and from nothing else.
 */
import type { AssignmentId, JobId, UserId } from "@cyxwiz/primitives";

export const REPUTATION_CAUSES = [
  /** A job that the node did a piece of was re-run by another owner and agreed to the last bit. */
  "job-verified",
  /** A job ended well without that: nobody could re-run it, or only on another class, where agreement proves less. */
  "job-unverified",
  /** An attempt failed by the node's fault. */
  "attempt-failed",
  /** The node fell silent for longer than its lease. */
  "attempt-lost",
  /** The node was there and made no checkpoint for longer than the job's `timeout_seconds`. */
  "timed-out",
  /** Two re-runs by different owners disagreed with what the node had committed. */
  "result-refused",
  /** The node re-ran a piece of a job, and the verdict was what it said. */
  "rerun-confirmed",
  /** The node re-ran a piece of a job, and two others contradicted what it said. */
  "rerun-outvoted",
  /** The node got a job whose answer the platform knew, and gave that answer. */
  "canary-passed",
  /** The node gave another answer than the one that the platform knew. */
  "canary-failed",
] as const;
export type ReputationCause = (typeof REPUTATION_CAUSES)[number];

/** A job, who paid for it, and who owns the node whose reputation is meant. */
export interface JobEvidence {
  readonly job_id: JobId;
  readonly payer_id: UserId;
  readonly owner_id: UserId;
}

export interface AttemptEvidence extends JobEvidence {
  readonly assignment_id: AssignmentId;
}

export interface CanaryEvidence {
  /** The computation, not the time that it was given: the same graph, data and seed are one canary. */
  readonly canary_id: string;
  readonly job_id: JobId;
}

/** A cause with its evidence. `at`: Unix time in milliseconds. */
export type ReputationChange = { readonly at: number } & (
  | { readonly cause: "job-verified" | "job-unverified"; readonly evidence: JobEvidence }
  | {
      readonly cause:
        | "attempt-failed"
        | "attempt-lost"
        | "timed-out"
        | "result-refused"
        | "rerun-confirmed"
        | "rerun-outvoted";
      readonly evidence: AttemptEvidence;
    }
  | { readonly cause: "canary-passed" | "canary-failed"; readonly evidence: CanaryEvidence }
);
