/**
 * Canaries: jobs of the platform's own account whose answer is known, because the same computation was done and verified
 * before. To the node they look like anybody's job.
 */
import { createHash } from "node:crypto";
import { canonicalJson, type ChainEntry, type ResultEntry, type SegmentEntry } from "@cyxwiz/receipt";
import { PLATFORM_USER_ID } from "../accounts/platform-account.ts";
import type { Database } from "../database/open-database.ts";
import type { MarketTransaction } from "../database/transaction.ts";
import type { JobRow } from "../jobs/job-state.ts";
import { quoteOf, toQuoteRecord, type QuoteRecord } from "../quotes/quote-record.ts";

export interface Canary {
  /** The computation: the same graph, data, settings and seed are one canary. */
  readonly id: string;
  /** Whether this job's model is the known one. */
  readonly isRight: boolean;
}

/**
 * What is known of a job's answer; undefined for a job that is no canary, and the first time on a class of hardware.
 *
 * Bits are compared, so only jobs that one node did from begin to end are compared, within lowering, build and class.
 */
export async function canaryOf(
  transaction: MarketTransaction,
  job: JobRow,
  chain: readonly ChainEntry[],
): Promise<Canary | undefined> {
  const made = modelOf(chain);
  if ((job.user_id as typeof PLATFORM_USER_ID) !== PLATFORM_USER_ID || !made) return undefined;
  const { graph, dataset, settings, seed } = await quoteOf(transaction, job);
  const earlier = await knownCanaries(transaction)
    .select("verifications.chain")
    .where("jobs.id", "<>", job.id)
    .where("quotes.graph", "=", graph)
    .where("quotes.seed", "=", seed)
    .where("quotes.settings", "=", JSON.stringify(settings) as never)
    .where((eb) => eb(eb.cast<string>(eb.ref("quotes.dataset"), "text"), "like", `%"${dataset.cid}"%`))
    .orderBy("jobs.ended_at")
    .execute();
  const known = earlier
    .map((row) => modelOf(row.chain as readonly ChainEntry[]))
    .find((model) => model !== undefined && isSameClass(model.segment, made.segment));
  if (!known) return undefined;
  const id = createHash("sha256")
    .update(canonicalJson({ graph, cid: dataset.cid, seed, settings }))
    .digest("hex");
  return { id, isRight: known.result.weights_sha256 === made.result.weights_sha256 };
}

/** The newest computations whose answer is known, at most `limit`. */
export async function recentCanaries(db: Database, limit: number): Promise<readonly QuoteRecord[]> {
  const rows = await knownCanaries(db).selectAll("quotes").orderBy("jobs.ended_at", "desc").limit(limit).execute();
  return rows.map(toQuoteRecord);
}

/**
 * The platform's own jobs whose answer is known, with their quotes and what was verified. Only what the platform's own
 * node found counts; else a ring could make its garbage the truth.
 */
function knownCanaries(db: Database) {
  return db
    .selectFrom("jobs")
    .innerJoin("quotes", "quotes.id", "jobs.quote_id")
    .innerJoin("verifications", "verifications.job_id", "jobs.id")
    .where("jobs.user_id", "=", PLATFORM_USER_ID)
    .where("jobs.verification", "=", "verified")
    .where("verifications.verdict", "=", "verified")
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom("reruns")
          .select("reruns.assignment_id")
          .whereRef("reruns.verification_id", "=", "verifications.id")
          .where("reruns.is_platform", "=", true)
          .where("reruns.outcome", "=", "agrees"),
      ),
    );
}

function modelOf(
  chain: readonly ChainEntry[],
): { readonly segment: SegmentEntry; readonly result: ResultEntry } | undefined {
  const [segment, ...others] = chain.filter((entry) => entry.kind === "segment");
  const result = chain.find((entry) => entry.kind === "result");
  const isChanged = chain.some((entry) => entry.kind === "change");
  return segment && others.length === 0 && result && !isChanged ? { segment, result } : undefined;
}

function isSameClass(a: SegmentEntry, b: SegmentEntry): boolean {
  const isSameMachine = a.build === b.build && a.hardware_class === b.hardware_class;
  return isSameMachine && a.lowering === b.lowering && a.threads === b.threads;
}
