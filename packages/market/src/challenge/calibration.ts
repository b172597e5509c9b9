/**
 * What challenges showed of a unit, and the speed that quotes may rely on.
 *
 * Speeds are operations divided by the server's own time from hand-out to answer; starting, sending and answering count
 * as the unit's time. So a curve shows what a unit brings to bear for this market, and a node cannot lengthen it.
 */
import { TOLERATED_FALL } from "./limits.ts";

export interface CurvePoint {
  readonly size: number;
  readonly flopsPerSecond: number;
}

export interface Calibration {
  /** Device type, kind of processor, share of it and build: what was measured is only compared within one of them. */
  readonly class: string;
  /** Of the last challenge that was passed, in rising size. */
  readonly curve: readonly CurvePoint[];
  /** The highest peak of any passed challenge of this class, in operations a second. */
  readonly best: number;
  /** Unix milliseconds. */
  readonly measuredAt: number;
}

/** The curve's best point; 0 of an empty one. */
export function peakOf(curve: readonly CurvePoint[]): number {
  return curve.reduce((peak, point) => Math.max(peak, point.flopsPerSecond), 0);
}

/** The calibration after a passed challenge. The best of another class is forgotten. Pure. */
export function calibrate(before: Calibration | undefined, measured: Omit<Calibration, "best">): Calibration {
  const known = before?.class === measured.class ? before.best : 0;
  return { ...measured, best: Math.max(known, peakOf(measured.curve)) };
}

/** The part of its best that the unit still showed: 1, unless it fell by more than noise. */
export function remainingShare({ curve, best }: Pick<Calibration, "curve" | "best">): number {
  const share = best > 0 ? Math.min(1, peakOf(curve) / best) : 1;
  return share >= 1 - TOLERATED_FALL ? 1 : share;
}

export interface SpeedClaim {
  /** What the unit measured of itself while training, in operations a second. */
  readonly claimedTrainFlops: number;
  readonly calibration: Calibration | undefined;
}

/**
 * The training speed that quotes and scores use, in operations a second.
 *
 * The claim times what is left of the unit's best, at most the curve's peak: no training is faster than bare matrix
 * products. A peak that fell is what is left already, and does not fall twice. Never above the claim, and never falls
 * when a curve rises. Before the first challenge it is the claim.
 */
export function effectiveSpeed({ claimedTrainFlops, calibration }: SpeedClaim): number {
  if (!calibration) return claimedTrainFlops;
  return Math.min(claimedTrainFlops * remainingShare(calibration), peakOf(calibration.curve));
}
