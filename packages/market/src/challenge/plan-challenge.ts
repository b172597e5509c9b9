/**
 * How much a unit is asked to compute: sized to what it claims, or to what it showed before, whichever is more.
 *
 * Three sizes, each twice the one before, so that a curve shows where small work stops paying. At the expected speed a
 * plan takes under two seconds. Its first round is a single small product that is not counted: it starts the device.
 */
import {
  CHECKED_ELEMENTS,
  LEAST_PRODUCTS,
  LEAST_SPEED,
  MAX_CHAIN_SIZE,
  MEMORY_SHARE,
  ROUND_SECONDS,
} from "./limits.ts";
import { operationsOf, type ChallengeRound } from "./matrix-chain.ts";

/** What a unit says of itself. */
export interface ChallengeClaim {
  readonly trainFlopsPerSecond: number;
  readonly memoryBytes: number;
}

export interface PlanOptions {
  /** The best that the unit showed before; 0 when it was never measured. */
  readonly measuredFlopsPerSecond?: number;
  /** What the check of one round may cost the server, in matrix elements. */
  readonly checkedElements?: number;
}

export interface ChallengePlan {
  readonly warmUp: ChallengeRound;
  /** In rising size. */
  readonly rounds: readonly ChallengeRound[];
}

const SMALLEST = 64;
const FLOAT_BYTES = 4;

/** Pure: the same claim gives the same plan; what cannot be foreseen is the seed. */
export function planChallenge(claim: ChallengeClaim, options: PlanOptions = {}): ChallengePlan {
  const { measuredFlopsPerSecond = 0, checkedElements = CHECKED_ELEMENTS } = options;
  const claimed = Number.isFinite(claim.trainFlopsPerSecond) ? claim.trainFlopsPerSecond : 0;
  const speed = Math.max(LEAST_SPEED, claimed, measuredFlopsPerSecond);
  const memoryBytes = claim.memoryBytes * MEMORY_SHARE;
  const last = ROUND_SECONDS.length - 1;
  const fits = (size: number): boolean => {
    const products = (speed * (ROUND_SECONDS[last] ?? 1)) / operationsOf({ size, products: 1 });
    return (
      products >= LEAST_PRODUCTS && size * size * LEAST_PRODUCTS <= checkedElements && roundBytes(size) <= memoryBytes
    );
  };
  let largest = SMALLEST << last;
  while (largest * 2 <= MAX_CHAIN_SIZE && fits(largest * 2)) largest *= 2;
  const rounds = ROUND_SECONDS.map((seconds, index) => {
    const size = largest >> (last - index);
    const wanted = Math.round((speed * seconds) / operationsOf({ size, products: 1 }));
    const allowed = Math.floor(checkedElements / (size * size));
    return { size, products: Math.max(1, Math.min(wanted, allowed)) };
  });
  return { warmUp: { size: SMALLEST, products: 1 }, rounds };
}

/** What a round takes on the device as float32: the tape, and the matrix before and after a step. */
function roundBytes(size: number): number {
  return 4 * size * size * FLOAT_BYTES;
}
