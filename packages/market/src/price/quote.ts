/**
 * The binding price of a job: what it costs on the best-scored unit that fits.
 *
 * A unit that is busy now is quoted too, because the job may wait for it. Later any unit may take the job whose own cost
 * is not above the quoted amount, so a lost node does not change the price.
 */
import { assert, type Amount, type UnitId } from "@cyxwiz/primitives";
import { MAX_ALTERNATIVES, MAX_UNFIT_LISTED } from "../limits.ts";
import { adviseOn, type Advice } from "../scheduler/advice.ts";
import { filterUnits, NEEDS_FILTERS, type FilterCode, type FilterCount } from "../scheduler/filter.ts";
import { FleetLoad } from "../scheduler/fleet-load.ts";
import { compareUnits, DEFAULT_WEIGHTS, scoreUnit, totalScore, type ScoreWeights } from "../scheduler/score.ts";
import type { UnitSnapshot } from "../scheduler/snapshot.ts";
import { costOn, timeBand, type TimeBand } from "./estimate.ts";
import { checkNeeds, type JobNeeds } from "./job-needs.ts";

/** How long a quote binds: long enough to read it and sign the escrow, short beside how fast prices move. */
export const QUOTE_TTL_MS = 600_000;

/** One unit that could do the job. `band` in seconds. */
export interface UnitOffer {
  readonly unitId: UnitId;
  readonly score: number;
  readonly cost: Amount;
  readonly band: TimeBand;
}

export interface UnfitUnit {
  readonly unitId: UnitId;
  /** The first filter that it does not pass. */
  readonly filter: FilterCode;
}

export interface Quoted {
  readonly kind: "quoted";
  /** The cost on the chosen unit. This is what is locked. */
  readonly amount: Amount;
  /** The time band of the chosen unit, in seconds. */
  readonly band: TimeBand;
  /** Unix time in milliseconds. */
  readonly expiresAt: number;
  readonly chosen: UnitOffer;
  /** The next best, at most `MAX_ALTERNATIVES`; some may cost more than the amount. */
  readonly alternatives: readonly UnitOffer[];
  /** Units, the chosen one included, that would take the job for the amount. */
  readonly takers: number;
  readonly reasons: readonly FilterCount[];
  /** At most `MAX_UNFIT_LISTED`, in filter order. */
  readonly unfit: readonly UnfitUnit[];
}

export interface QuoteRefused {
  readonly kind: "refused";
  readonly reasons: readonly FilterCount[];
  readonly unfit: readonly UnfitUnit[];
  readonly advice: Advice;
}

/**
 * Quotes a job on the units that fit, or says what keeps it from all of them.
 *
 * Units: now in Unix milliseconds. Cost: units × filters. Pure.
 * @throws AppError `market/needs-out-of-range`.
 */
export function quoteJob(
  needs: JobNeeds,
  units: readonly UnitSnapshot[],
  now: number,
  weights: ScoreWeights = DEFAULT_WEIGHTS,
): Quoted | QuoteRefused {
  checkNeeds(needs);
  const load = new FleetLoad(units);
  const filtered = filterUnits(units, needs, NEEDS_FILTERS, load);
  const reasons = filtered.counts;
  const unfit = filtered.unfit.slice(0, MAX_UNFIT_LISTED).map(({ unit, filter }) => ({ unitId: unit.unitId, filter }));
  if (filtered.fit.length === 0) {
    const advice = adviseOn(units, { subject: needs, needs }, NEEDS_FILTERS, load);
    return { kind: "refused", reasons, unfit, advice };
  }
  const ranked = filtered.fit
    .map((unit) => ({ unit, score: totalScore(scoreUnit(unit, load.ofNode(unit.nodeId), weights)) }))
    .toSorted((a, b) => b.score - a.score || compareUnits(a.unit, b.unit));
  const [chosen, ...alternatives] = ranked.slice(0, 1 + MAX_ALTERNATIVES).map((found) => offer(needs, found));
  assert(chosen !== undefined, "a unit that fits is ranked");
  return {
    kind: "quoted",
    amount: chosen.cost,
    band: chosen.band,
    expiresAt: now + QUOTE_TTL_MS,
    chosen,
    alternatives,
    takers: filtered.fit.filter((unit) => costOn(needs, unit) <= chosen.cost).length,
    reasons,
    unfit,
  };
}

function offer(needs: JobNeeds, { unit, score }: { unit: UnitSnapshot; score: number }): UnitOffer {
  return { unitId: unit.unitId, score, cost: costOn(needs, unit), band: timeBand(needs, unit.trainFlopsPerSecond) };
}
