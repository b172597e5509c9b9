/** What a node reports of an attempt's end, and what is kept of it. */
import { printable } from "@cyxwiz/primitives";
import { MAX_METRICS, MAX_REPORT_TEXT } from "../jobs/limits.ts";
import type { JobFailure, JobResultRecord } from "../verification/job-ending.ts";
import { artifactRecord, type ReportedArtifact } from "./artifact.ts";

export interface ReportedResult {
  readonly step: bigint;
  readonly onnx: ReportedArtifact | undefined;
  readonly weights: ReportedArtifact | undefined;
  readonly metrics: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
  /** What the node stands for; empty from nodes that keep no chain. */
  readonly chainRoot: string;
  readonly initialSha256: string;
}

export interface ReportedFailure extends JobFailure {
  /** Last step that was done. */
  readonly step: bigint;
}

/** A trainer's words for a checkpoint that is not one of its job. */
const UNREADABLE_START: ReadonlySet<string> = new Set(["backend/checkpoint-mismatch", "backend/safetensors-malformed"]);

/** Whether an attempt could not begin because of the checkpoint that it was given: never the job's own fault. */
export function isUnreadableStart({ code }: Pick<JobFailure, "code">): boolean {
  return UNREADABLE_START.has(code);
}

/** A model without figures. */
export const NO_RESULT = {
  step: 0n,
  metrics: {},
  seconds: 0,
  lowering: "",
  build: "",
  hardwareClass: "",
  chainRoot: "",
  initialSha256: "",
} as const;

export function resultRecord(result: ReportedResult): JobResultRecord {
  const metrics = Object.entries(result.metrics)
    .filter(([, value]) => Number.isFinite(value))
    .map(([name, value]) => [cut(name), value] as const);
  return {
    onnx: artifactRecord(result.onnx),
    weights: artifactRecord(result.weights),
    metrics: Object.fromEntries(metrics.slice(0, MAX_METRICS)),
    seconds: Number.isFinite(result.seconds) ? result.seconds : 0,
    lowering: cut(result.lowering),
    build: cut(result.build),
    hardware_class: cut(result.hardwareClass),
  };
}

/** A node's text as it is kept: short, and without what PostgreSQL refuses. */
export function cut(text: string): string {
  return printable(text.slice(0, MAX_REPORT_TEXT));
}
