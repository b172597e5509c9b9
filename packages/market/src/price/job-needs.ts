import { AppError } from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";

export const DEVICE_TYPES = ["cpu", "gpu"] as const;
export type DeviceType = (typeof DEVICE_TYPES)[number];

/**
 * What a job asks of a unit, known from its graph, dataset and settings before it runs.
 *
 * A requeued job keeps the needs of the whole job, so that its cost stays comparable with its quote.
 */
export interface JobNeeds {
  /** Floating-point operations of the whole training: all steps, forward and backward. */
  readonly trainFlops: number;
  /** Bytes of device memory at the peak of a step. */
  readonly peakMemoryBytes: number;
  /** Bytes of the dataset as stored, which the node fetches before the first step. */
  readonly datasetBytes: number;
  readonly device: DeviceType | "any";
  /** The lowering that the job is pinned to (a resumed verifiable job keeps its own); absent: any. */
  readonly lowering?: string;
}

/** @throws AppError `market/needs-out-of-range`, naming the field, unless every number is finite and at least zero. */
export function checkNeeds(needs: JobNeeds): void {
  for (const field of ["trainFlops", "peakMemoryBytes", "datasetBytes"] as const) {
    const value = needs[field];
    if (Number.isFinite(value) && value >= 0) continue;
    throw new AppError(MARKET_ERRORS.NEEDS_OUT_OF_RANGE, { field, value, allowed: "a finite number, at least 0" });
  }
}
