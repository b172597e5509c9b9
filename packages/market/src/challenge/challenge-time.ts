/** When a unit is challenged next. Nobody can tell beforehand: intervals are drawn from an exponential distribution. */
import {
  BUSY_RETRY_MS,
  COMPANY_AFTER_MS,
  FAILED_RETRY_MS,
  IDLE_MS,
  LONGEST_RETRY_MS,
  MEAN_AFTER_FALL_MS,
  MEAN_INTERVAL_MS,
  REGISTRATION_PAUSE_MS,
} from "./limits.ts";
import type { Calibration } from "./calibration.ts";
import { remainingShare } from "./calibration.ts";
import type { ChallengeOutcome } from "./challenge-outcome.ts";

/** No drawn interval is longer than this many means: a unit is never forgotten. */
const LONGEST_DRAW = 4;

export interface EndedChallenge {
  readonly outcome: ChallengeOutcome;
  /** How often in a row it has ended like this, this one included. */
  readonly timesInRow: number;
  /** What the unit has after a passed one. */
  readonly calibration: Calibration | undefined;
  /** It was asked alone, and there are others that may be the same device. */
  readonly hasCompanyLeft: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Milliseconds until the next challenge. Pure but for `random`. */
export function nextChallengeIn({ outcome, timesInRow, calibration, hasCompanyLeft, random }: EndedChallenge): number {
  switch (outcome) {
    case "passed": {
      if (hasCompanyLeft) return COMPANY_AFTER_MS;
      const hasFallen = calibration !== undefined && remainingShare(calibration) < 1;
      return drawInterval(hasFallen ? MEAN_AFTER_FALL_MS : MEAN_INTERVAL_MS, random);
    }
    case "busy":
    case "called-off":
      return backOff(BUSY_RETRY_MS, timesInRow);
    case "failed":
    case "late":
    case "silent":
    case "unable":
      return backOff(FAILED_RETRY_MS, timesInRow);
  }
}

/** An interval of this mean, at most four means long. */
export function drawInterval(meanMs: number, random: () => number): number {
  return Math.min(LONGEST_DRAW * meanMs, -Math.log(1 - random()) * meanMs);
}

export interface UnitMoment {
  readonly now: number;
  /** When the unit is to be asked next. */
  readonly nextAt: number;
  /** Since when its device has had no work; undefined while it has some. */
  readonly idleSince: number | undefined;
}

/** Whether a unit is asked now: its time has come, and its device has been idle for a moment. Units: milliseconds. */
export function isDue({ now, nextAt, idleSince }: UnitMoment): boolean {
  return now >= nextAt && idleSince !== undefined && now - idleSince >= IDLE_MS;
}

export interface RegisteredUnit {
  readonly now: number;
  readonly class: string;
  readonly calibration: Calibration | undefined;
  readonly isBroken: boolean;
}

/** Whether a registration calls for a challenge: always, but for a unit that showed the same a moment ago. */
export function registrationIsDue({ now, class: claimed, calibration, isBroken }: RegisteredUnit): boolean {
  if (!calibration || isBroken || calibration.class !== claimed) return true;
  return now - calibration.measuredAt >= REGISTRATION_PAUSE_MS;
}

function backOff(firstMs: number, timesInRow: number): number {
  return Math.min(LONGEST_RETRY_MS, firstMs * 2 ** (timesInRow - 1));
}
