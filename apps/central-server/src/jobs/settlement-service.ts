/**
 * The end of a job and of its money, in one transaction: state, assignment, earnings, escrow, receipt and the outbox rows
 * that pay.
 *
 * Who is paid follows from the checkpoints alone: each commits the steps from the one before it up to its own, for the
 * unit that stored it. The line that pays an owner: `settle` here → market's `settlementOf` → `EscrowService.startSettlement`
 * (writes `unit_earnings` and the outbox row) → after the commit the outbox → `EscrowService.confirmSettlement` → the rail.
 */
import { amount, type JobId, type QuoteId, type UnitId, type UserId } from "@cyxwiz/primitives";
import {
  settlementOf,
  type AssignmentEvent,
  type CancelRefund,
  type CommittedRange,
  type JobEvent,
  type Outcome,
  type Settlement,
} from "@cyxwiz/market";
import type { Clock } from "@cyxwiz/platform";
import type { Verdict } from "@cyxwiz/receipt";
import { lockLiveOf, moveAssignment } from "../assignments/assignment-state.ts";
import type { MarketTransaction } from "../database/transaction.ts";
import type { EscrowService } from "../payments/escrow-service.ts";
import type { VerifierRewards } from "../payments/verifier-rewards.ts";
import type { ReceiptService } from "../receipts/receipt-service.ts";
import { resultOf, type FinalEnding } from "../verification/job-ending.ts";
import { moveJob, type JobRow } from "./job-state.ts";

/** What ends jobs. `end` may first have the end checked; `committed` is called after the commit of its transaction. */
export interface JobEndings {
  end(transaction: MarketTransaction, job: JobRow, ending: FinalEnding): Promise<void>;
  committed(): void;
}

export interface SettlementServiceOptions {
  readonly clock: Clock;
  readonly escrows: Pick<EscrowService, "startSettlement" | "settlementCommitted">;
  readonly rewards: VerifierRewards;
  readonly receipts: Pick<ReceiptService, "issue">;
  readonly cancelRefund: CancelRefund;
}

/** An ending with what its check said. Of a cancelled job what was refused is not paid; a refused result ends no job. */
export interface CheckedEnding {
  readonly ending: FinalEnding;
  readonly verdict: Verdict;
  /** The verification of this very end; absent where it ends without a chain. An earlier one says nothing of it. */
  readonly verificationId?: string | undefined;
}

export class SettlementService {
  readonly #options: SettlementServiceOptions;

  constructor(options: SettlementServiceOptions) {
    this.#options = options;
  }

  /** Ends a locked job for good within the caller's transaction. Call `committed` after its commit. */
  async settle(transaction: MarketTransaction, job: JobRow, checked: CheckedEnding): Promise<void> {
    const { ending, verdict, verificationId } = checked;
    const at = new Date(this.#options.clock.now());
    const live = await lockLiveOf(transaction, job.id as JobId);
    if (live) await moveAssignment(transaction, live, { event: endedAttempt(ending, live.state), at });
    const ready = ending.kind === "completed" ? await toVerifying(transaction, job, at) : job;
    const { event, message } = jobEvent(ending, verdict);
    const result = resultOf(ending);
    const ended = await moveJob(transaction, ready, {
      event,
      at,
      message,
      also: {
        ended_at: at,
        verification: verdict,
        ...(result && { result: JSON.stringify(result) }),
        // Nothing stays of what an earlier attempt had against it.
        failure: ending.kind === "failed" ? JSON.stringify(ending.failure) : null,
      },
    });
    const settlement = await this.#pay(transaction, ended, outcomeOf(ending));
    await this.#options.rewards.queue(transaction, ended, settlement);
    if (verificationId === undefined) return;
    await this.#options.receipts.issue(transaction, ended, { ending, settlement, verificationId });
  }

  /** After the commit: the payment is due now. */
  committed(): void {
    this.#options.escrows.settlementCommitted();
  }

  async #pay(transaction: MarketTransaction, job: JobRow, outcome: Outcome): Promise<Settlement> {
    const quote = await transaction
      .selectFrom("quotes")
      .select("amount")
      .where("id", "=", job.quote_id)
      .executeTakeFirstOrThrow();
    const settlement = settlementOf({
      outcome,
      quoted: amount(quote.amount),
      totalSteps: Number(job.total_steps),
      committed: await committedRanges(transaction, job.id as JobId),
      cancelRefund: this.#options.cancelRefund,
    });
    await this.#options.escrows.startSettlement(transaction, job.quote_id as QuoteId, settlement);
    return settlement;
  }
}

/** What an ending means for the attempt. One that was never accepted cannot fail; it is called off. */
export function endedAttempt(ending: FinalEnding, state: string): AssignmentEvent {
  if (ending.kind === "completed") return "succeeded";
  return ending.kind === "failed" && state !== "OFFERED" ? "failed" : "cancelled";
}

/** The steps that each checkpoint added, with who is paid for them. */
async function committedRanges(transaction: MarketTransaction, jobId: JobId): Promise<readonly CommittedRange[]> {
  const rows = await transaction
    .selectFrom("checkpoints")
    .innerJoin("compute_units", "compute_units.id", "checkpoints.unit_id")
    .select(["checkpoints.step", "checkpoints.unit_id", "compute_units.owner_id"])
    .where("checkpoints.job_id", "=", jobId)
    .orderBy("checkpoints.step")
    .execute();
  return rows.map((row, index) => ({
    owner: row.owner_id as UserId,
    unit: row.unit_id as UnitId,
    from: Number(rows[index - 1]?.step ?? 0n),
    to: Number(row.step),
  }));
}

/** A result passes through VERIFYING also when there is nothing to check. */
async function toVerifying(transaction: MarketTransaction, job: JobRow, at: Date): Promise<JobRow> {
  if (job.state === "VERIFYING") return job;
  const message = "every step is done and the result is stored";
  return moveJob(transaction, job, { event: "end-committed", at, message });
}

function outcomeOf(ending: FinalEnding): Outcome {
  if (ending.kind === "failed") return `failed-by-${ending.failure.blame}`;
  return ending.kind;
}

const ACCEPTED: Readonly<Record<Verdict, string>> = {
  verified: "verified: the steps that were run again gave the same bits",
  plausible: "plausible: run again on another class of hardware, the steps came close enough",
  unverified: "accepted as unverified: no re-run was made",
  refused: "refused: two re-runs by different owners disagreed with it",
};

function jobEvent(ending: FinalEnding, verdict: Verdict): { readonly event: JobEvent; readonly message: string } {
  switch (ending.kind) {
    case "completed":
      return { event: "result-accepted", message: `the result is ${ACCEPTED[verdict]}` };
    case "cancelled":
      return { event: "cancelled", message: ending.reason };
    case "failed":
      return { event: "failed", message: ending.failure.message };
  }
}
