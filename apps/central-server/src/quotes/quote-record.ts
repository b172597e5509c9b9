/** What a quote stores as JSON, and how it is read back. Everything that the job needs later is in here. */
import { amount, type Amount, type QuoteId, type UserId } from "@cyxwiz/primitives";
import type { JobNeeds, TimeBand } from "@cyxwiz/market";
import type { DatasetDescriptorBody, Quote, QuoteRequest } from "@cyxwiz/protocol/rest";
import type { Selectable } from "kysely";
import type { Database } from "../database/open-database.ts";
import type { QuotesTable } from "../database/schema.ts";

export interface QuotedSettings {
  readonly batch_size: number;
  readonly epochs: number;
  readonly learning_rate: number | null;
  readonly checkpoint_every_steps: number;
}

export interface QuotedCost {
  readonly shown: Quote["cost"];
  readonly needs: JobNeeds;
}

/** The offers at the time of the quote, as they were shown. */
export interface QuotedOffer {
  readonly best: Quote["best"];
  readonly alternatives: Quote["alternatives"];
  readonly not_fitting: Quote["not_fitting"];
  readonly band: TimeBand;
}

export type Requirements = QuoteRequest["requirements"];

export interface QuoteRecord {
  readonly id: QuoteId;
  readonly userId: UserId;
  readonly amount: Amount;
  readonly name: string;
  /** A `.cyxwiz` document. */
  readonly graph: string;
  readonly dataset: DatasetDescriptorBody;
  readonly settings: QuotedSettings;
  readonly requirements: Requirements;
  readonly cost: QuotedCost;
  readonly offer: QuotedOffer;
  readonly seed: string;
  readonly totalSteps: number;
  readonly signature: string;
  readonly expiresAt: Date;
}

export function toQuoteRecord(row: Selectable<QuotesTable>): QuoteRecord {
  return {
    id: row.id as QuoteId,
    userId: row.user_id as UserId,
    amount: amount(row.amount),
    name: row.name,
    graph: row.graph,
    dataset: row.dataset as DatasetDescriptorBody,
    settings: row.settings as QuotedSettings,
    requirements: row.requirements as Requirements,
    cost: row.cost as QuotedCost,
    offer: row.offer as QuotedOffer,
    seed: row.seed,
    totalSteps: Number(row.total_steps),
    signature: row.signature,
    expiresAt: row.expires_at,
  };
}

/** The quote that a job was submitted under. */
export async function quoteOf(db: Database, { quote_id }: { readonly quote_id: string }): Promise<QuoteRecord> {
  return toQuoteRecord(await db.selectFrom("quotes").selectAll().where("id", "=", quote_id).executeTakeFirstOrThrow());
}
