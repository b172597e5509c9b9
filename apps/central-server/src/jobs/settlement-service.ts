/**
 * The end of a job and of its money, in one transaction: state, assignment, earnings, escrow and the outbox row that
 * pays.
 *
 * Who is paid follows from the checkpoints alone: each commits the steps from the one before it up to its own, for the
 * unit that stored it. The line that pays an owner: `end` here → market's `settlementOf` → `EscrowService.startSettlement`
 * (writes `unit_earnings` and the outbox row) → after the commit the outbox → `EscrowService.confirmSettlement` → the rail.
 */
import { amount, type JobId, type QuoteId, type UnitId, type UserId } from "@cyxwiz/primitives";
import {
  settlementOf,
  type AssignmentEvent,
  type CancelRefund,
  type CommittedRange,
  type FailureCause,
  type JobEvent,
  type Outcome,
} from "@cyxwiz/market";
import type { Clock } from "@cyxwiz/platform";
import { lockLiveOf, moveAssignment } from "../assignments/assignment-state.ts";
import type { MarketTransaction } from "../database/transaction.ts";
import type { EscrowService } from "../payments/escrow-service.ts";
import { moveJob, type JobRow } from "./job-state.ts";
import { recordSuccess } from "./node-record.ts";

/** Why a job failed. */
export interface JobFailure {
  readonly blame: FailureCause;
  /** AppError code. */
  readonly code: string;
  readonly message: string;
}

/** How a job ends. */
export type JobEnding =
  | { readonly kind: "completed"; readonly result: JobResultRecord }
  | { readonly kind: "cancelled"; readonly reason: string; readonly result?: JobResultRecord }
  | { readonly kind: "failed"; readonly failure: JobFailure };

/** What `jobs.result` holds. */
export interface JobResultRecord {
  readonly onnx: ArtifactRecord | null;
  readonly weights: ArtifactRecord | null;
  readonly metrics: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly lowering: string;
  readonly build: string;
  readonly hardware_class: string;
}

export interface ArtifactRecord {
  readonly cid: string;
  readonly sha256: string;
  readonly size_bytes: number;
}

export interface SettlementServiceOptions {
  readonly clock: Clock;
  readonly escrows: Pick<EscrowService, "startSettlement" | "settlementCommitted">;
  readonly cancelRefund: CancelRefund;
}

export class SettlementService {
  readonly #options: SettlementServiceOptions;

  constructor(options: SettlementServiceOptions) {
    this.#options = options;
  }

  /** Ends a locked job within the caller's transaction. Call `committed` after its commit. */
  async end(transaction: MarketTransaction, job: JobRow, ending: JobEnding): Promise<void> {
    const at = new Date(this.#options.clock.now());
    const live = await lockLiveOf(transaction, job.id as JobId);
    if (live) {
      const over = await moveAssignment(transaction, live, { event: assignmentEvent(ending, live.state), at });
      if (ending.kind === "completed") await recordSuccess(transaction, over);
    }
    const { event, message } = jobEvent(ending);
    const result = ending.kind === "failed" ? undefined : ending.result;
    await moveJob(transaction, job, {
      event,
      at,
      message,
      also: {
        ended_at: at,
        ...(result && { result: JSON.stringify(result) }),
        ...(ending.kind === "failed" && { failure: JSON.stringify(ending.failure) }),
      },
    });
    await this.#pay(transaction, job, outcomeOf(ending));
  }

  /** After the commit: the payment is due now. */
  committed(): void {
    this.#options.escrows.settlementCommitted();
  }

  async #pay(transaction: MarketTransaction, job: JobRow, outcome: Outcome): Promise<void> {
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
  }
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

function outcomeOf(ending: JobEnding): Outcome {
  if (ending.kind === "failed") return `failed-by-${ending.failure.blame}`;
  return ending.kind;
}

function jobEvent(ending: JobEnding): { readonly event: JobEvent; readonly message: string } {
  switch (ending.kind) {
    case "completed":
      return { event: "result-accepted", message: "the result is accepted as unverified: no re-run was made" };
    case "cancelled":
      return { event: "cancelled", message: ending.reason };
    case "failed":
      return { event: "failed", message: ending.failure.message };
  }
}

/** An attempt that was never accepted cannot fail; it is called off. */
function assignmentEvent(ending: JobEnding, state: string): AssignmentEvent {
  if (ending.kind === "completed") return "succeeded";
  return ending.kind === "failed" && state !== "OFFERED" ? "failed" : "cancelled";
}
