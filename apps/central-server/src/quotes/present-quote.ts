/** A quote as the API shows it. Pure. */
import { defined, formatAmount } from "@cyxwiz/primitives";
import {
  DEFAULT_WEIGHTS,
  scoreUnit,
  totalScore,
  type FilterCode,
  type FilterCount,
  type ScoreBreakdown,
  type UnitOffer,
} from "@cyxwiz/market";
import type { Quote } from "@cyxwiz/protocol/rest";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import type { UnfitReason } from "./quote-errors.ts";
import type { QuoteRecord } from "./quote-record.ts";

export function presentQuote(quote: QuoteRecord): Quote {
  const { best, alternatives, not_fitting } = quote.offer;
  return {
    quote_id: quote.id,
    amount: formatAmount(quote.amount),
    expires_at: quote.expiresAt.toISOString(),
    seed: quote.seed,
    total_steps: quote.totalSteps,
    cost: quote.cost.shown,
    best,
    alternatives,
    not_fitting,
    signature: quote.signature,
  };
}

export function presentOffer(offer: UnitOffer, fleet: readonly FleetUnit[]): Quote["best"] {
  const unit = defined(
    fleet.find((one) => one.unitId === offer.unitId),
    "the unit of an offer",
  );
  return {
    unit_id: unit.unitId,
    node_id: unit.nodeId,
    node_name: unit.nodeName,
    device: unit.deviceName,
    cost: formatAmount(offer.cost),
    seconds_expected: offer.band.p50,
    seconds_at_most: offer.band.p99,
    score: offer.score,
    breakdown: breakdownOf(unit, offer.score),
  };
}

/**
 * The terms of a score. Only the load of the unit's node is not in the unit itself, so what the other terms leave of the
 * score is what the load took off.
 */
export function breakdownOf(unit: FleetUnit, score: number): { [term in keyof ScoreBreakdown]: number } {
  const idle = scoreUnit(unit, 0, DEFAULT_WEIGHTS);
  return { ...idle, activeJobs: score - totalScore(idle) };
}

/** The filters that took units out, in words. `excluded`: units that the user's own wishes left out before. */
export function unfitReasons(counts: readonly FilterCount[], excluded: number): readonly UnfitReason[] {
  const reasons = counts
    .filter((count) => count.removed > 0)
    .map((count) => ({
      filter: count.filter,
      units: count.removed,
      message: `${count.removed} ${REASON[count.filter]}`,
    }));
  if (excluded === 0) return reasons;
  return [
    { filter: "requirements", units: excluded, message: `${excluded} left out by the wished node or reputation` },
    ...reasons,
  ];
}

const REASON: Readonly<Record<FilterCode, string>> = {
  online: "offline, in maintenance or without a task stream",
  active: "not active (paused, in error or not yet registered)",
  measured: "without a measured training speed",
  device: "another kind of device",
  memory: "with too little memory",
  lowering: "unable to run the job's lowering",
  price: "costing more than what was quoted",
  "not-banned": "failed, lost or declined this job before",
  "unit-free": "busy with another job",
  "device-free": "on a device that other units use up",
};
