/**
 * Quotes: what a job will cost, signed and binding for ten minutes.
 *
 * The price is that of the best-scored unit that fits now; whatever unit does the work later, the user pays no more.
 */
import { createHash } from "node:crypto";
import { AppError, formatAmount, parseAmount, type Amount, type QuoteId, type UserId } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { costOn, describeAdvice, quoteJob, reputationFromPercent, type JobNeeds, type Quoted } from "@cyxwiz/market";
import type { Quote, QuoteRequest } from "@cyxwiz/protocol/rest";
import type { Database } from "../database/open-database.ts";
import { newId } from "../jobs/new-id.ts";
import { readableObject } from "../objects/object-service.ts";
import type { FleetUnit } from "../scheduling/fleet-query.ts";
import { planJob, type JobPlan } from "./job-plan.ts";
import { presentOffer, presentQuote, unfitReasons } from "./present-quote.ts";
import { QUOTE_ERRORS } from "./quote-errors.ts";
import {
  toQuoteRecord,
  type QuotedCost,
  type QuotedOffer,
  type QuoteRecord,
  type Requirements,
} from "./quote-record.ts";
import { signQuote, type QuoteSigner } from "./quote-signature.ts";

export interface QuoteServiceOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signer: QuoteSigner;
  /** Checkpoints of a job whose settings do not say. */
  readonly checkpoints: number;
  readonly readFleet: () => Promise<readonly FleetUnit[]>;
}

export class QuoteService {
  readonly #options: QuoteServiceOptions;

  constructor(options: QuoteServiceOptions) {
    this.#options = options;
  }

  /**
   * Quotes a job and stores the quote.
   *
   * @throws AppError the errors of `planJob`; `central/dataset-not-found`, `central/dataset-size-mismatch`;
   * `central/no-unit-fits`, `central/price-over-ceiling`.
   */
  async create(userId: UserId, request: QuoteRequest): Promise<Quote> {
    await this.#checkDataset(userId, request);
    const plan = planJob(request, this.#options);
    const fleet = await this.#options.readFleet();
    const quoted = this.#price(plan.needs, request.requirements, fleet);
    const row = await this.#save(userId, request, plan, { quoted, fleet });
    return presentQuote(row);
  }

  /** @throws AppError `central/quote-not-found`, also for another user's quote. */
  async find(quoteId: QuoteId, userId: UserId): Promise<QuoteRecord> {
    const row = await this.#options.db
      .selectFrom("quotes")
      .selectAll()
      .where("id", "=", quoteId)
      .where("user_id", "=", userId)
      .executeTakeFirst();
    if (!row) throw new AppError(QUOTE_ERRORS.QUOTE_NOT_FOUND, { quoteId });
    return toQuoteRecord(row);
  }

  async #checkDataset(userId: UserId, { dataset }: QuoteRequest): Promise<void> {
    const stored = await readableObject(this.#options.db, dataset.cid, userId);
    if (stored === undefined) throw new AppError(QUOTE_ERRORS.DATASET_NOT_FOUND, { cid: dataset.cid });
    if (stored.size_bytes !== BigInt(dataset.size_bytes)) {
      const context = { cid: dataset.cid, said: dataset.size_bytes, stored: String(stored.size_bytes) };
      throw new AppError(QUOTE_ERRORS.DATASET_SIZE_MISMATCH, context);
    }
  }

  #price(needs: JobNeeds, requirements: Requirements, fleet: readonly FleetUnit[]): Quoted {
    const now = this.#options.clock.now();
    const allowed = fleet.filter((unit) => meetsRequirements(unit, requirements));
    const ceiling = requirements.max_price === undefined ? undefined : parseAmount(requirements.max_price);
    const affordable = ceiling === undefined ? allowed : allowed.filter((unit) => costOn(needs, unit) <= ceiling);
    const answer = quoteJob(needs, affordable, now);
    if (answer.kind === "quoted") return answer;
    const dearer = ceiling === undefined ? answer : quoteJob(needs, allowed, now);
    if (ceiling !== undefined && dearer.kind === "quoted") throw overCeiling(ceiling, dearer);
    const refused = dearer.kind === "refused" ? dearer : answer;
    const excluded = fleet.length - allowed.length;
    throw new AppError(QUOTE_ERRORS.NO_UNIT_FITS, {
      reasons: unfitReasons(refused.reasons, excluded),
      advice: describeAdvice(refused.advice),
    });
  }

  async #save(
    userId: UserId,
    request: QuoteRequest,
    plan: JobPlan,
    { quoted, fleet }: { readonly quoted: Quoted; readonly fleet: readonly FleetUnit[] },
  ): Promise<QuoteRecord> {
    const { db, clock, random, signer } = this.#options;
    const quoteId = newId(random);
    const seed = request.settings.seed ?? randomSeed(random);
    const graphHash = createHash("sha256").update(plan.graph).digest("hex");
    const expiresAt = new Date(quoted.expiresAt);
    const signature = await signQuote(signer, {
      quote_id: quoteId,
      user_id: userId,
      amount: formatAmount(quoted.amount),
      graph_hash: graphHash,
      data_cid: request.dataset.cid,
      seed,
      total_steps: plan.totalSteps,
      expires_at: expiresAt.toISOString(),
    });
    const offer: QuotedOffer = {
      best: presentOffer(quoted.chosen, fleet),
      alternatives: quoted.alternatives.map((other) => presentOffer(other, fleet)),
      not_fitting: unfitReasons(quoted.reasons, 0).map((reason) => ({ ...reason })),
      band: quoted.band,
    };
    const row = await db
      .insertInto("quotes")
      .values({
        id: quoteId,
        user_id: userId,
        amount: quoted.amount,
        name: plan.name,
        graph: plan.graph,
        graph_hash: graphHash,
        dataset: JSON.stringify(request.dataset),
        settings: JSON.stringify(plan.settings),
        requirements: JSON.stringify(request.requirements),
        cost: JSON.stringify({ shown: plan.cost, needs: plan.needs } satisfies QuotedCost),
        offer: JSON.stringify(offer),
        seed,
        total_steps: BigInt(plan.totalSteps),
        signature,
        created_at: new Date(clock.now()),
        expires_at: expiresAt,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toQuoteRecord(row);
  }
}

/** Whether a user's own wishes let a unit do the job; what the job itself needs is asked by the market's filters. */
export function meetsRequirements(unit: FleetUnit, requirements: Requirements): boolean {
  const { min_reputation: least, node_id: nodeId } = requirements;
  if (nodeId !== undefined && unit.nodeId !== nodeId.toLowerCase()) return false;
  return least === undefined || unit.reputation >= reputationFromPercent(least);
}

function overCeiling(ceiling: Amount, quoted: Quoted): AppError {
  const costs = [quoted.chosen, ...quoted.alternatives].map((offer) => offer.cost);
  const lowest = costs.reduce((least, cost) => (cost < least ? cost : least));
  return new AppError(QUOTE_ERRORS.PRICE_OVER_CEILING, {
    ceiling: formatAmount(ceiling),
    lowest: formatAmount(lowest),
  });
}

/** 64 random bits, as a decimal string. */
function randomSeed(random: () => number): string {
  const half = (): bigint => BigInt(Math.floor(random() * 2 ** 32));
  return String((half() << 32n) | half());
}
