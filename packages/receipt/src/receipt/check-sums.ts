/**
 * The amounts of a receipt, to the base unit: what was due follows from the steps, and it was divided without a rest.
 * @see SPEC RCP9, RCP10; design "What is due".
 */
import { AppError, formatUnits, parseAmount, scaleAmount, type Amount } from "@cyxwiz/primitives";
import { committedStep, runOf } from "../chain/check-chain.ts";
import { RECEIPT_ERRORS } from "../errors.ts";
import type { ReceiptBody } from "./receipt.ts";

/** @throws AppError `receipt/sum-mismatch` with the amount that is wrong and what the others allow. */
export function checkSums(receipt: ReceiptBody): void {
  const { payment, verification } = receipt;
  const quoted = parseAmount(payment.quoted);
  const due = parseAmount(payment.due);
  const platform = parseAmount(payment.platform);

  const owed = allowedDue(receipt, quoted);
  if (!owed.includes(due)) throw mismatch("payment.due", due, owed.map(formatUnits).join(" or "));
  const owners = sum(payment.owners.map((share) => share.amount));
  if (owners + platform !== due) throw mismatch("payment.owners with platform", owners + platform, formatUnits(due));
  const refunded = parseAmount(payment.refunded);
  if (due + refunded !== quoted) throw mismatch("payment.due with refunded", due + refunded, formatUnits(quoted));

  const paid = parseAmount(verification.paid);
  const reruns = sum(verification.reruns.map((rerun) => rerun.paid));
  if (paid !== reruns) throw mismatch("verification.paid", paid, `${formatUnits(reruns)}, the sum of the re-runs`);
  if (paid > platform) throw mismatch("verification.paid", paid, `at most the platform's ${formatUnits(platform)}`);
}

/**
 * What can be due: ⌊quoted × paid steps ÷ total steps⌋. Paid are the committed steps; of a refused job those before the
 * segment that was refused. Nothing may be due where the market gives everything back: when the user cancelled, or the
 * work was refused.
 */
function allowedDue({ chain, outcome, verification }: ReceiptBody, quoted: Amount): readonly bigint[] {
  const isRefused = verification.verdict === "refused";
  const steps = isRefused ? refusedFrom(chain, verification.interval?.from ?? 0) : committedStep(chain);
  const due = scaleAmount(quoted, BigInt(steps), BigInt(runOf(chain).total_steps));
  return isRefused || outcome === "cancelled" ? [...new Set([due, 0n])] : [due];
}

/** Where the segment began that computed the step after `step`. */
function refusedFrom(chain: ReceiptBody["chain"], step: number): number {
  const segments = chain.filter((entry) => entry.kind === "segment");
  return segments.findLast((entry) => entry.from_step <= step)?.from_step ?? 0;
}

/** A plain sum: it may be larger than any amount, and is then just not the one that it has to be. */
function sum(amounts: readonly string[]): bigint {
  return amounts.reduce((total, text) => total + parseAmount(text), 0n);
}

function mismatch(what: string, claimed: bigint, allowed: string): AppError {
  return new AppError(RECEIPT_ERRORS.SUM_MISMATCH, { what, claimed: formatUnits(claimed), allowed });
}
