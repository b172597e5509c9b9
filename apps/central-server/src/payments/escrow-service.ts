/**
 * The server's record of an escrow, in step with the rail: NONE → LOCKED → SETTLING → SETTLED.
 *
 * Locking happens in the caller's transaction, together with the job that it pays for. Settling is decided in a
 * transaction too (with the per-unit earnings and an outbox row), and carried out by the outbox afterwards, because a
 * rail on a chain cannot take part in a transaction. An escrow whose quote lapsed without a job is refunded in full.
 */
import {
  addAmounts,
  AppError,
  formatAmount,
  parseAmount,
  ZERO,
  type Amount,
  type QuoteId,
  type UserId,
} from "@cyxwiz/primitives";
import {
  escrowMachine,
  MARKET_ERRORS,
  type EscrowEvent,
  type EscrowState,
  type LockCommand,
  type Settlement,
  type SettleCommand,
} from "@cyxwiz/market";
import { sql } from "kysely";
import { z } from "zod";
import type { Database } from "../database/open-database.ts";
import { inTransaction, type MarketTransaction, type TransactionContext } from "../database/transaction.ts";
import { ESCROW_LAPSE_GRACE_MS, ESCROW_SWEEP_ROWS } from "../limits.ts";
import type { LedgerRail } from "./ledger-rail.ts";
import type { Outbox } from "./outbox.ts";

export interface EscrowServiceOptions extends TransactionContext {
  readonly rail: LedgerRail;
  /** Where settlements are queued; its `settle` handler must call `confirmSettlement`. */
  readonly outbox: Pick<Outbox, "add" | "poke">;
}

/** What is locked for a quote, and from whom. */
export interface PayableQuote {
  readonly quoteId: QuoteId;
  readonly payer: UserId;
  readonly amount: Amount;
}

/** Told after the commit that settled an escrow. */
export type SettledListener = (quoteId: QuoteId) => void;

export const SETTLE_KIND = "settle";
const settlePayloadSchema = z.object({ quoteId: z.uuid() });

export class EscrowService {
  readonly #options: EscrowServiceOptions;
  readonly #listeners = new Set<SettledListener>();

  constructor(options: EscrowServiceOptions) {
    this.#options = options;
  }

  /**
   * Locks the quote's amount from its payer, under the quote's id. Again for the same quote: nothing more happens.
   *
   * @throws AppError `market/insufficient-funds`; `market/transition-refused` when it was already settled.
   */
  async lock(transaction: MarketTransaction, quote: PayableQuote): Promise<void> {
    const { quoteId, payer, amount } = quote;
    const known = await stateOf(transaction, quoteId);
    if (known === "LOCKED") return;
    const state = escrowMachine.move(known, "locked");
    // A free quote moves nothing, and a rail takes no empty command.
    if (amount > 0n) await this.#options.rail.within(transaction).lock(lockCommand(quote));
    const row = { quote_id: quoteId, payer_id: payer, amount, state, locked_at: this.#now(), settled_at: null };
    // Two submits of one quote at once meet here; the second finds the first's lock and its row.
    await transaction
      .insertInto("escrows")
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /**
   * Locks, of these quotes, at once those that were never locked and whose payers have the money. Returns their ids. Of
   * any other `lock` says why not.
   *
   * A quote whose escrow the rail does not know (a free one's, or one that another transaction makes at this moment)
   * fails the whole call, as a unique violation.
   */
  async lockPlain(transaction: MarketTransaction, quotes: readonly PayableQuote[]): Promise<ReadonlySet<QuoteId>> {
    const priced = quotes.filter((quote) => quote.amount > 0n);
    const paid =
      priced.length > 0 ? await this.#options.rail.within(transaction).lockPlain(priced.map(lockCommand)) : new Set();
    const locked = quotes.filter((quote) => quote.amount === 0n || paid.has(quote.quoteId));
    await sql`
      insert into escrows (quote_id, payer_id, amount, state, locked_at)
      select quote_id, payer_id, amount, ${escrowMachine.move("NONE", "locked")}, ${this.#now()}::timestamptz from unnest(
        ${locked.map((quote) => quote.quoteId)}::uuid[], ${locked.map((quote) => quote.payer)}::uuid[],
        ${locked.map((quote) => quote.amount.toString())}::bigint[]
      ) as quote (quote_id, payer_id, amount)
    `.execute(transaction);
    return new Set(locked.map((quote) => quote.quoteId));
  }

  /**
   * Records how the escrow is divided and queues the payment; also writes the earnings of each unit.
   *
   * In the transaction that ends the job. Call `settlementCommitted` after its commit to have it paid at once.
   *
   * @throws AppError `market/transition-refused` unless LOCKED; `market/settlement-mismatch` when it does not add up.
   */
  async startSettlement(transaction: MarketTransaction, quoteId: QuoteId, settlement: Settlement): Promise<void> {
    const escrow = await transaction
      .selectFrom("escrows")
      .select(["state", "amount"])
      .where("quote_id", "=", quoteId)
      .forUpdate()
      .executeTakeFirst();
    if (escrow === undefined) throw new AppError(MARKET_ERRORS.ESCROW_NOT_FOUND, { escrowId: quoteId });
    const state = moved(escrow.state, "settlement-started");
    const owners = addAmounts(...settlement.owners.map((share) => share.amount));
    const settled = addAmounts(owners, settlement.platform, settlement.refunded);
    if (settled !== escrow.amount) {
      const context = {
        escrowId: quoteId,
        locked: formatAmount(escrow.amount as Amount),
        settled: formatAmount(settled),
      };
      throw new AppError(MARKET_ERRORS.SETTLEMENT_MISMATCH, context);
    }
    await transaction
      .updateTable("escrows")
      .set({
        state,
        owner_amount: owners,
        platform_amount: settlement.platform,
        refunded_amount: settlement.refunded,
        shares: JSON.stringify(await this.#writeEarnings(transaction, quoteId, settlement)),
      })
      .where("quote_id", "=", quoteId)
      .execute();
    await this.#options.outbox.add(transaction, { kind: SETTLE_KIND, key: `settle:${quoteId}`, payload: { quoteId } });
  }

  /** To call after the commit of `startSettlement`: the payment is due now. */
  settlementCommitted(): void {
    this.#options.outbox.poke();
  }

  /** The outbox handler of kind `settle`: pays on the rail and marks SETTLED. Again: nothing more happens. */
  readonly confirmSettlement = async (payload: unknown): Promise<void> => {
    const quoteId = settlePayloadSchema.parse(payload).quoteId as QuoteId;
    const isNew = await inTransaction(this.#options, async (transaction) => {
      const escrow = await transaction
        .selectFrom("escrows")
        .selectAll()
        .where("quote_id", "=", quoteId)
        .forUpdate()
        .executeTakeFirst();
      if (escrow === undefined) throw new AppError(MARKET_ERRORS.ESCROW_NOT_FOUND, { escrowId: quoteId });
      if (escrow.state === "SETTLED") return false;
      const state = moved(escrow.state, "settlement-confirmed");
      const command: SettleCommand = {
        escrowId: quoteId,
        owners: paidOwners(escrow.shares),
        platform: escrow.platform_amount as Amount,
        refund: { to: escrow.payer_id as UserId, amount: escrow.refunded_amount as Amount },
        idempotencyKey: `settle:${quoteId}`,
      };
      if (escrow.amount > 0n) await this.#options.rail.within(transaction).settle(command);
      await transaction
        .updateTable("escrows")
        .set({ state, settled_at: this.#now() })
        .where("quote_id", "=", quoteId)
        .execute();
      return true;
    });
    if (isNew) for (const listener of this.#listeners) listener(quoteId);
  };

  /** Calls the listener for every escrow settled from now on. Returns what ends that. */
  onSettled(listener: SettledListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Starts the refund of escrows whose quote lapsed without a job. Returns how many. */
  async refundLapsed(): Promise<number> {
    const before = new Date(this.#options.clock.now() - ESCROW_LAPSE_GRACE_MS);
    const refunded = await inTransaction(this.#options, async (transaction) => {
      const lapsed = await transaction
        .selectFrom("escrows")
        .innerJoin("quotes", "quotes.id", "escrows.quote_id")
        .leftJoin("jobs", "jobs.quote_id", "escrows.quote_id")
        .select(["escrows.quote_id", "escrows.amount"])
        .where("escrows.state", "=", "LOCKED")
        .where("jobs.id", "is", null)
        .where("quotes.expires_at", "<", before)
        .orderBy("escrows.locked_at")
        .limit(ESCROW_SWEEP_ROWS)
        .forUpdate("escrows")
        .skipLocked()
        .execute();
      for (const { quote_id, amount } of lapsed) {
        const settlement = { owners: [], platform: ZERO, refunded: amount as Amount };
        await this.startSettlement(transaction, quote_id as QuoteId, settlement);
      }
      return lapsed.length;
    });
    if (refunded > 0) this.settlementCommitted();
    return refunded;
  }

  /** Earnings per unit, and the shares as the escrow shows them. */
  async #writeEarnings(
    transaction: MarketTransaction,
    quoteId: QuoteId,
    settlement: Settlement,
  ): Promise<EscrowShare[]> {
    const paid = settlement.owners.filter((share) => share.amount > 0n);
    if (paid.length === 0) return [];
    const job = await transaction
      .selectFrom("jobs")
      .select("id")
      .where("quote_id", "=", quoteId)
      .executeTakeFirstOrThrow();
    const units = await transaction
      .selectFrom("compute_units")
      .select(["id", "machine_id"])
      .where("id", "in", [...new Set(paid.map((share) => share.unit))])
      .execute();
    const machines = new Map(units.map((unit) => [unit.id, unit.machine_id]));
    const earned_at = this.#now();
    const rows = paid.map(({ unit, owner, amount }) => ({
      job_id: job.id,
      unit_id: unit,
      owner_id: owner,
      amount,
      earned_at,
    }));
    await transaction.insertInto("unit_earnings").values(rows).execute();
    return paid.map(({ owner, unit, amount }) => ({
      owner_id: owner,
      node_id: machines.get(unit) ?? null,
      unit_id: unit,
      amount: formatAmount(amount),
    }));
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** One unit's share as `escrows.shares` keeps it. */
export interface EscrowShare {
  readonly owner_id: string;
  readonly node_id: string | null;
  readonly unit_id: string;
  /** CYXWIZ, as a decimal string. */
  readonly amount: string;
}
const escrowShareSchema: z.ZodType<EscrowShare> = z.object({
  owner_id: z.string(),
  node_id: z.string().nullable(),
  unit_id: z.string(),
  amount: z.string(),
});

/** Reads `escrows.shares`. */
export function parseEscrowShares(shares: unknown): readonly EscrowShare[] {
  return z.array(escrowShareSchema).parse(shares);
}

/** What each owner is paid: the shares of all their units, as the rail takes them. */
function paidOwners(shares: unknown): SettleCommand["owners"] {
  const sums = new Map<UserId, Amount>();
  for (const share of parseEscrowShares(shares)) {
    const owner = share.owner_id as UserId;
    sums.set(owner, addAmounts(sums.get(owner) ?? ZERO, parseAmount(share.amount)));
  }
  return [...sums].map(([owner, amount]) => ({ owner, amount }));
}

function lockCommand({ quoteId, payer, amount }: PayableQuote): LockCommand {
  return { escrowId: quoteId, payer, amount, idempotencyKey: `lock:${quoteId}` };
}

async function stateOf(db: Database, quoteId: QuoteId): Promise<EscrowState> {
  const row = await db.selectFrom("escrows").select("state").where("quote_id", "=", quoteId).executeTakeFirst();
  return (row?.state as EscrowState | undefined) ?? "NONE";
}

function moved(state: string, event: EscrowEvent): EscrowState {
  return escrowMachine.move(state as EscrowState, event);
}
