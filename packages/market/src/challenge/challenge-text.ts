/** The text of a challenge that the server signs. */
import type { ChallengeRound } from "./matrix-chain.ts";

export interface ChallengeTask {
  readonly challengeId: string;
  readonly unitId: string;
  /** Unsigned 64-bit, in decimal digits. */
  readonly seed: string;
  readonly rounds: readonly ChallengeRound[];
  readonly secondsAtMost: number;
}

/**
 * Canonical JSON (RFC 8785) of the task without its signature. Ids and seed are plain ASCII and all numbers are whole, so
 * sorted keys are all that the form asks. Pure.
 */
export function challengeText({ challengeId, unitId, seed, rounds, secondsAtMost }: ChallengeTask): string {
  return JSON.stringify({
    challenge_id: challengeId,
    rounds: rounds.map(({ size, products }) => ({ products, size })),
    seconds_at_most: secondsAtMost,
    seed,
    unit_id: unitId,
  });
}
