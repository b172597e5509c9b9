/** Calibrations between database, quotes and the public API. */
import type { Calibration } from "@cyxwiz/market";

/** What `compute_units.calibration` holds; undefined before the first passed challenge. */
export function storedCalibration(column: unknown): Calibration | undefined {
  return (column as Calibration | null) ?? undefined;
}

export interface PublicCalibration {
  readonly challenged_at: string | null;
  readonly curve: { readonly size: number; readonly gflops: number }[];
}

/** What anybody may see of a unit's calibration. */
export function presentCalibration(unit: {
  readonly calibration: unknown;
  readonly challenged_at: Date | null;
}): PublicCalibration {
  const curve = storedCalibration(unit.calibration)?.curve ?? [];
  return {
    challenged_at: unit.challenged_at?.toISOString() ?? null,
    curve: curve.map(({ size, flopsPerSecond }) => ({ size, gflops: flopsPerSecond / 1e9 })),
  };
}
