/**
 * How good a unit is, among those that fit: one sum of terms, so that a placement can be explained term by term.
 *
 * No term depends on the job. That is what lets the plan keep units in an index by score instead of scoring every unit
 * for every job; whether a unit suits a job is the filters' question.
 * @see Central Server document, "Scheduling Algorithm": device 100, memory 50, reputation × 30, −10 per active job.
 */
import type { Amount } from "@cyxwiz/primitives";
import { REPUTATION_MAX } from "../reputation/reputation.ts";
import type { UnitSnapshot } from "./snapshot.ts";

export interface ScoreWeights {
  /** For having the device that the job asks for. */
  readonly device: number;
  /** For having the memory that the job needs. */
  readonly memory: number;
  /** For a reputation of 1, linearly from 0. */
  readonly reputation: number;
  /** Taken off for every live assignment on the unit's node. */
  readonly activeJob: number;
  /** For work that costs nothing; half of it at the reference price, and a sixth less for every tenfold price. */
  readonly price: number;
  /** Base units for 10¹⁵ floating-point operations: the price of work that the price term calls ordinary. */
  readonly referencePrice: Amount;
}

/** The terms of a score, which sum to it. */
export interface ScoreBreakdown {
  readonly device: number;
  readonly memory: number;
  readonly reputation: number;
  readonly activeJobs: number;
  readonly price: number;
}

/**
 * The documents' weights, with a price term of the weight of half the reputation: a unit of full reputation is worth
 * more than one that is free.
 *
 * The reference price is that of a rented GPU of 16 GB at the default price (0.57 per hour) that trains at 5 TFLOP/s.
 */
export const DEFAULT_WEIGHTS: ScoreWeights = {
  device: 100,
  memory: 50,
  reputation: 30,
  activeJob: 10,
  price: 15,
  referencePrice: 31_666_667n as Amount,
};

/** Powers of ten between the price that scores all and the one that scores nothing. */
const PRICE_DECADES = 6;

/** Scores a unit that passed the filters. `nodeLoad` is the number of live assignments on its node. Pure. */
export function scoreUnit(unit: UnitSnapshot, nodeLoad: number, weights: ScoreWeights): ScoreBreakdown {
  return {
    device: weights.device,
    memory: weights.memory,
    reputation: (weights.reputation * unit.reputation) / REPUTATION_MAX,
    activeJobs: nodeLoad === 0 ? 0 : -weights.activeJob * nodeLoad,
    price: weights.price * cheapness(pricePerPetaflop(unit), Number(weights.referencePrice)),
  };
}

/** The sum of the terms. */
export function totalScore(breakdown: ScoreBreakdown): number {
  return breakdown.device + breakdown.memory + breakdown.reputation + breakdown.activeJobs + breakdown.price;
}

/** Orders units of equal score: the owner's priority, highest first, then the id, so that no two are equal. */
export function compareUnits(a: UnitSnapshot, b: UnitSnapshot): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.unitId < b.unitId ? -1 : a.unitId > b.unitId ? 1 : 0;
}

/**
 * 1 for free work, a half at the reference price, 0 at a thousand times it, by equal steps for equal ratios: twice the
 * price costs as much among slow processors as among fast GPUs, whose work is a hundred times cheaper.
 */
function cheapness(price: number, reference: number): number {
  return Math.min(1, Math.max(0, 0.5 - Math.log10(price / reference) / PRICE_DECADES));
}

/** Base units for 10¹⁵ operations on a unit; infinite when its speed was not measured. */
function pricePerPetaflop(unit: UnitSnapshot): number {
  if (unit.trainFlopsPerSecond <= 0) return Infinity;
  return (Number(unit.pricePerHour) * 1e15) / (unit.trainFlopsPerSecond * 3600);
}
