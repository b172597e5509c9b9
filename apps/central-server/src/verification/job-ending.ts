/** How a job ends, and what of it has to be checked before anybody is paid. */
import type { FailureCause } from "@cyxwiz/market";

/** Why a job failed. */
export interface JobFailure {
  readonly blame: FailureCause;
  /** AppError code. */
  readonly code: string;
  readonly message: string;
}

/** What `jobs.result` holds. */
export interface JobResultRecord {
  readonly onnx: ArtifactRecord | null;
  readonly weights: ArtifactRecord | null;
  readonly metrics: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly lowering: string;
  readonly build: string;
  readonly hardware_class: string;
}

export interface ArtifactRecord {
  readonly cid: string;
  readonly sha256: string;
  readonly size_bytes: number;
}

/** How a job ends. As JSON it waits in `verifications.ending` until the verdict. */
export type JobEnding =
  | { readonly kind: "completed"; readonly result: JobResultRecord; readonly commitment?: Commitment }
  | { readonly kind: "cancelled"; readonly reason: string; readonly result?: JobResultRecord }
  | {
      readonly kind: "failed";
      readonly failure: JobFailure;
      readonly step?: number;
      /** Which of the steps before the failure are being looked at. */
      readonly stage?: "last" | "drawn";
    }
  /** No end of the job: an attempt ended and leaves steps that the next one is to build on. */
  | { readonly kind: "handed-over" };

/** What the node stands for: the root of its chain, over everything from the initial state to the model. */
interface Commitment {
  readonly root: string;
  readonly initialSha256: string;
}

/** The model of an ending, when it has one of both forms. */
export function modelOf(
  ending: JobEnding,
): { readonly onnx: ArtifactRecord; readonly weights: ArtifactRecord } | undefined {
  const result = resultOf(ending);
  return result?.onnx && result.weights ? { onnx: result.onnx, weights: result.weights } : undefined;
}

export function resultOf(ending: JobEnding): JobResultRecord | undefined {
  return ending.kind === "completed" || ending.kind === "cancelled" ? ending.result : undefined;
}

/** An ending that ends the job. */
export type FinalEnding = Exclude<JobEnding, { kind: "handed-over" }>;
