/**
 * Paying those who re-ran a piece of a job, out of what the platform got for it.
 *
 * Decided in the transaction that settles the job and paid through the outbox, after the settlement that brings the
 * platform its part. A job that brings the platform nothing pays no verifier: else a user and an owner could have
 * worthless work checked by their friends at the platform's expense.
 */
import { amount, ZERO, type Amount, type UserId } from "@cyxwiz/primitives";
import type { PaymentRail, Settlement } from "@cyxwiz/market";
import type { Clock } from "@cyxwiz/platform";
import { z } from "zod";
import type { MarketTransaction } from "../database/transaction.ts";
import type { JobRow } from "../jobs/job-state.ts";
import type { Outbox } from "./outbox.ts";

export const REWARD_KIND = "reward";
const payloadSchema = z.object({ to: z.uuid(), amount: z.string(), key: z.string() });

export interface VerifierRewardsOptions {
  readonly clock: Clock;
  readonly rail: Pick<PaymentRail, "reward">;
  readonly outbox: Pick<Outbox, "add">;
}

export class VerifierRewards {
  readonly #options: VerifierRewardsOptions;

  constructor(options: VerifierRewardsOptions) {
    this.#options = options;
  }

  /** Queues what each re-run of the job earned, those of the last check first, never more than the platform's part. */
  async queue(transaction: MarketTransaction, job: JobRow, settlement: Settlement): Promise<void> {
    let left: bigint = settlement.platform;
    for (const rerun of await earningReruns(transaction, job.id)) {
      const paid = amount(rerun.pay < left ? rerun.pay : left);
      if (paid === ZERO) continue;
      left -= paid;
      await this.#pay(transaction, job, rerun, paid);
    }
  }

  /** The outbox handler of kind `reward`. */
  readonly confirm = async (payload: unknown): Promise<void> => {
    const { to, amount: units, key } = payloadSchema.parse(payload);
    await this.#options.rail.reward({ to: to as UserId, amount: amount(BigInt(units)), idempotencyKey: key });
  };

  async #pay(transaction: MarketTransaction, job: JobRow, rerun: EarningRerun, paid: Amount): Promise<void> {
    const { assignment_id, unit_id, owner_id } = rerun;
    await transaction.updateTable("reruns").set({ paid }).where("assignment_id", "=", assignment_id).execute();
    await transaction
      .insertInto("unit_earnings")
      .values({
        job_id: job.id,
        unit_id,
        owner_id,
        kind: "VERIFY",
        amount: paid,
        earned_at: new Date(this.#options.clock.now()),
      })
      // One unit may check a job twice, when its first result was refused.
      .onConflict((conflict) =>
        conflict
          .columns(["job_id", "unit_id", "kind"])
          .doUpdateSet((eb) => ({ amount: eb("unit_earnings.amount", "+", eb.ref("excluded.amount")) })),
      )
      .execute();
    const key = `reward:${assignment_id}`;
    await this.#options.outbox.add(transaction, {
      kind: REWARD_KIND,
      key,
      payload: { to: owner_id, amount: String(paid), key },
    });
  }
}

type EarningRerun = Awaited<ReturnType<typeof earningReruns>>[number];

/** Answered re-runs that no majority contradicted. */
async function earningReruns(transaction: MarketTransaction, jobId: string) {
  const rows = await transaction
    .selectFrom("reruns")
    .innerJoin("verifications", "verifications.id", "reruns.verification_id")
    .select([
      "reruns.assignment_id",
      "reruns.unit_id",
      "reruns.owner_id",
      "reruns.pay",
      "reruns.outcome",
      "verifications.verdict",
    ])
    .where("verifications.job_id", "=", jobId)
    .where("reruns.outcome", "is not", null)
    .orderBy("verifications.drawn_at", "desc")
    .orderBy("reruns.reported_at")
    .orderBy("reruns.assignment_id")
    .execute();
  return rows.filter(({ outcome, verdict }) => !isOutvoted(outcome, verdict));
}

/**
 * The answer and the verdict contradict each other. Where nothing was decided, a negative answer alone earns nothing: else
 * one word against honest work would be paid.
 */
export function isOutvoted(outcome: string | null, verdict: string | null): boolean {
  const isPositive = outcome === "agrees" || outcome === "plausible";
  return verdict === "refused" ? isPositive : verdict !== null && !isPositive;
}
