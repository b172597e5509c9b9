/**
 * Receipts: made and signed in the transaction that settles a job, kept as the very text that was signed.
 *
 * A job has one when it ended with a checkpoint chain: completed, cancelled, or failed by its own fault. It says how the
 * result was checked, also when it was not.
 */
import { addAmounts, amount, AppError, formatAmount, type JobId, type UserId } from "@cyxwiz/primitives";
import type { Settlement } from "@cyxwiz/market";
import type { Clock } from "@cyxwiz/platform";
import {
  canonicalJson,
  type ReceiptBody,
  type ReceiptKey,
  type ReceiptRerun,
  type RerunOutcome,
  type SignedReceipt,
  type Verdict,
} from "@cyxwiz/receipt";
import type { Database } from "../database/open-database.ts";
import type { MarketTransaction } from "../database/transaction.ts";
import { findJob } from "../jobs/job-query.ts";
import type { JobRow } from "../jobs/job-state.ts";
import { modelOf, type FinalEnding } from "../verification/job-ending.ts";
import { readVerification, type VerificationRow } from "../verification/rerun-task.ts";
import { published, type MarketKey } from "./market-key.ts";
import { networkName } from "./network-name.ts";
import { RECEIPT_SERVICE_ERRORS } from "./receipt-errors.ts";

export interface ReceiptServiceOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly key: MarketKey;
}

export class ReceiptService {
  readonly #options: ReceiptServiceOptions;

  constructor(options: ReceiptServiceOptions) {
    this.#options = options;
  }

  /** Writes the receipt of a job that ended just now, if it ends with a chain. */
  async issue(
    transaction: MarketTransaction,
    job: JobRow,
    {
      ending,
      settlement,
      verificationId,
    }: { readonly ending: FinalEnding; readonly settlement: Settlement; readonly verificationId: string },
  ): Promise<void> {
    const row = await transaction
      .selectFrom("verifications")
      .selectAll()
      .where("id", "=", verificationId)
      .executeTakeFirstOrThrow();
    const outcome = outcomeOf(ending);
    const chain = row.chain as ReceiptBody["chain"];
    if (!outcome || chain.length === 0) return;
    const { key, clock } = this.#options;
    const model = modelOf(ending);
    const body: ReceiptBody = {
      format: "cyxwiz-receipt",
      version: 1,
      network: await networkName(transaction, clock),
      job_id: job.id,
      name: job.name,
      issued_at: new Date(clock.now()).toISOString(),
      outcome,
      chain,
      root: row.root,
      result: { onnx: model?.onnx ?? null, weights: model?.weights ?? null },
      verification: await presentVerification(transaction, job, row),
      payment: await presentPayment(transaction, settlement),
    };
    const text = canonicalJson(body);
    await transaction
      .insertInto("receipts")
      .values({
        job_id: job.id,
        body: text,
        key_id: key.keyId,
        signature: key.sign(text),
        issued_at: new Date(body.issued_at),
      })
      .execute();
  }

  /** @throws AppError `central/job-not-found`, `central/receipt-not-found`. */
  async find(jobId: JobId, userId: UserId): Promise<SignedReceipt> {
    const { db } = this.#options;
    const { job } = await findJob(db, jobId, userId);
    const row = await db.selectFrom("receipts").selectAll().where("job_id", "=", jobId).executeTakeFirst();
    if (!row) throw new AppError(RECEIPT_SERVICE_ERRORS.RECEIPT_NOT_FOUND, { jobId, state: job.state });
    return {
      receipt: JSON.parse(row.body) as ReceiptBody,
      signature: { algorithm: "ed25519", key_id: row.key_id, value: row.signature },
    };
  }

  /** What anybody needs to check a receipt without this server. */
  async keys(): Promise<{ readonly network: string; readonly keys: readonly ReceiptKey[] }> {
    const { db, clock, key } = this.#options;
    const network = await networkName(db, clock);
    return { network, keys: [published(key, network)] };
  }
}

function outcomeOf(ending: FinalEnding): ReceiptBody["outcome"] | undefined {
  if (ending.kind !== "failed") return ending.kind;
  return ending.failure.blame === "job" ? "failed-by-job" : undefined;
}

async function presentVerification(
  transaction: MarketTransaction,
  job: JobRow,
  row: VerificationRow,
): Promise<ReceiptBody["verification"]> {
  const rows = await transaction
    .selectFrom("reruns")
    .innerJoin("assignments", "assignments.id", "reruns.assignment_id")
    .select([
      "reruns.machine_id",
      "reruns.is_platform",
      "reruns.outcome",
      "reruns.distance",
      "reruns.paid",
      "assignments.lowering",
      "assignments.build",
      "assignments.hardware_class",
    ])
    .where("reruns.verification_id", "=", row.id)
    .where("reruns.outcome", "is not", null)
    .orderBy("reruns.reported_at")
    .orderBy("reruns.assignment_id")
    .execute();
  const reruns = rows.map((rerun): ReceiptRerun => ({
    node_id: rerun.machine_id,
    is_platform: rerun.is_platform,
    lowering: rerun.lowering,
    build: rerun.build,
    hardware_class: rerun.hardware_class,
    outcome: rerun.outcome as RerunOutcome,
    distance: rerun.distance,
    paid: formatAmount(amount(rerun.paid)),
  }));
  const drawn = readVerification(row);
  return {
    verdict: job.verification as Verdict,
    interval: drawn ? { from: drawn.from, to: drawn.to } : null,
    reruns,
    paid: formatAmount(addAmounts(...rows.map((rerun) => amount(rerun.paid)))),
  };
}

async function presentPayment(transaction: MarketTransaction, settlement: Settlement): Promise<ReceiptBody["payment"]> {
  const paid = settlement.owners.filter((share) => share.amount > 0n);
  const units = await transaction
    .selectFrom("compute_units")
    .select(["id", "machine_id"])
    .where("id", "in", ["", ...paid.map((share) => share.unit)])
    .execute();
  const nodes = new Map<string, string>(units.map((unit) => [unit.id, unit.machine_id]));
  const due = addAmounts(settlement.platform, ...paid.map((share) => share.amount));
  return {
    rail: "ledger",
    simulated: true,
    quoted: formatAmount(addAmounts(due, settlement.refunded)),
    due: formatAmount(due),
    owners: paid.map(({ unit, amount: units }) => ({
      node_id: nodes.get(unit) ?? "",
      unit_id: unit,
      amount: formatAmount(units),
    })),
    platform: formatAmount(settlement.platform),
    refunded: formatAmount(settlement.refunded),
  };
}
