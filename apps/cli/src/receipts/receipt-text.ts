/**
 * A receipt for people, in at most 80 columns: what was computed, by whom, how it was checked, who was paid, the verdict.
 *
 * Names in it are strangers' text; what a terminal would obey is replaced.
 */
import { formatUnits, parseAmount, printable } from "@cyxwiz/primitives";
import type {
  ChangeEntry,
  Interval,
  ReceiptBody,
  ReceiptRerun,
  RunEntry,
  SegmentEntry,
  SignedReceipt,
} from "@cyxwiz/receipt";
import type { RerunResult } from "./rerun-receipt.ts";
import { machineText } from "./rerun-machine.ts";
import { ofKind } from "./rerun-plan.ts";

export function receiptText({ receipt, signature }: SignedReceipt): string {
  const issued = receipt.issued_at.slice(0, 19).replace("T", " ");
  return [
    `Receipt of job ${receipt.job_id}`,
    row("name", receipt.name.slice(0, 60)),
    row("outcome", OUTCOMES[receipt.outcome]),
    row("issued", `${issued} UTC by ${receipt.network}`),
    row("signature", `right, with key ${signature.key_id}`),
    "",
    "What was computed",
    ...computedLines(receipt),
    "",
    "By whom",
    ...ofKind(receipt.chain, "segment").flatMap((segment, index, all) =>
      segmentLines(segment, all[index + 1]?.from_step ?? lastStep(receipt)),
    ),
    "",
    "How it was checked",
    ...checkLines(receipt),
    "",
    `Who was paid${receipt.payment.simulated ? " (test tokens)" : ""}`,
    ...paymentLines(receipt),
    "",
    verdictLine(receipt),
  ]
    .map(printable)
    .join("\n");
}

/** What the receipt says of the result, in a sentence. */
export function verdictLine({ verification }: ReceiptBody): string {
  const { verdict, interval, reruns } = verification;
  const runAgain = interval ? capital(runAgainText(interval, "before")) : "Nothing was run again";
  switch (verdict) {
    case "verified":
      return `Verdict: verified. ${runAgain}${byPlatform(reruns)}, bit-equal.`;
    case "plausible":
      return `Verdict: plausible. ${runAgain} on other hardware, and came close.`;
    case "unverified":
      return "Verdict: unverified. Nobody could run a part of it again.";
    case "refused":
      return `Verdict: refused. ${runAgain}, and did not give what was delivered.`;
  }
}

/** What a re-run on this machine showed, in a sentence. */
export function rerunLine({ from, to, outcome, compared, differing, distance, machine }: RerunResult): string {
  const what = `Re-run: ${stepsText({ from, to })} on this machine,\n  ${machineText(machine)}`;
  const near = distance === null ? "" : ` at distance ${distance.toPrecision(3)}`;
  switch (outcome) {
    case "agrees":
      return `${what}\n  bit-equal: all ${compared} hashes that were compared are those of the receipt.`;
    case "plausible":
      return `${what}\n  plausible: another build or class, ends${near} of the interval's update.`;
    case "disagrees":
    case "implausible":
      return `${what}\n  differs: ${differing.join(", ")}.`;
  }
}

/** As people count: from the first step that was computed. An interval without a step ends in a failure before one. */
export function stepsText({ from, to }: Interval): string {
  if (to <= from) return `what follows step ${from}`;
  return to === from + 1 ? `step ${to}` : `steps ${from + 1}–${to}`;
}

/** "steps 601–620 were run again", "step 1 is run again". */
export function runAgainText(interval: Interval, when: "before" | "now"): string {
  const isOne = interval.to === interval.from + 1;
  const verb = when === "now" ? (isOne ? "is" : "are") : isOne ? "was" : "were";
  return `${stepsText(interval)} ${verb} run again`;
}

/** "learning rate 0.001, batches of 32". */
export function changeText(change: Pick<ChangeEntry, "learning_rate" | "batch_size" | "stop">): string {
  return [
    ...(change.learning_rate === null ? [] : [`learning rate ${change.learning_rate}`]),
    ...(change.batch_size === null ? [] : [`batches of ${change.batch_size}`]),
    ...(change.stop ? ["stop"] : []),
  ].join(", ");
}

const OUTCOMES: Readonly<Record<ReceiptBody["outcome"], string>> = {
  completed: "completed",
  cancelled: "cancelled by its user",
  "failed-by-job": "failed, by its own fault",
};

function computedLines({ chain, result }: ReceiptBody): string[] {
  const [run] = ofKind(chain, "run");
  return [
    ...(run ? runLines(run) : []),
    row("steps", `${lastStep({ chain })} of ${run?.total_steps ?? 0}`),
    ...ofKind(chain, "change").map((change) => row("change", `after step ${change.step}: ${changeText(change)}`)),
    ...(result.onnx ? [row("ONNX", result.onnx.sha256)] : []),
    ...(result.weights ? [row("weights", result.weights.sha256)] : []),
  ];
}

function runLines(run: RunEntry): string[] {
  const rate = run.learning_rate === null ? "the optimizer's own" : String(run.learning_rate);
  return [
    row("graph", run.graph_sha256),
    row("dataset", run.dataset_cid),
    row("seed", run.seed),
    row("settings", `${run.epochs} epochs, batches of ${run.batch_size}, learning rate: ${rate}`),
    row("checkpoint", `every ${run.checkpoint_every_steps} steps`),
  ];
}

function segmentLines(segment: SegmentEntry, to: number): string[] {
  const { from_step: from, node_id, threads } = segment;
  const node = `node ${node_id}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  return [row(stepsText({ from, to }), node), row("", machineText(segment))];
}

function checkLines({ verification }: ReceiptBody): string[] {
  const { interval, reruns } = verification;
  if (!interval) return [row("drawn", "nothing")];
  return [
    row("drawn", `${stepsText(interval)}, after everything was committed`),
    ...reruns.flatMap((rerun) => [
      row("run again", `by node ${rerun.node_id}${rerun.is_platform ? " (the platform's)" : ""}`),
      row("", machineText(rerun)),
      row("", `${outcomeText(rerun)}; paid ${short(rerun.paid)} CYXWIZ`),
    ]),
  ];
}

function outcomeText({ outcome, distance }: ReceiptRerun): string {
  if (distance === null) return outcome === "agrees" ? "agrees, bit-equal" : outcome;
  return `${outcome}, at distance ${distance.toPrecision(3)} of the interval's update`;
}

function paymentLines({ payment, verification }: ReceiptBody): string[] {
  return [
    row("quoted", `${short(payment.quoted)} CYXWIZ, of which ${short(payment.due)} were due`),
    ...payment.owners.map((owner) => row("owner of", `node ${owner.node_id}: ${short(owner.amount)}`)),
    row("platform", `${short(payment.platform)}, of it ${short(verification.paid)} to those who ran it again`),
    row("to the payer", short(payment.refunded)),
  ];
}

/** "2.500000000" is 2.5. */
function short(amount: string): string {
  return formatUnits(parseAmount(amount));
}

function lastStep({ chain }: Pick<ReceiptBody, "chain">): number {
  return ofKind(chain, "checkpoint").at(-1)?.step ?? 0;
}

function byPlatform(reruns: readonly ReceiptRerun[]): string {
  return reruns.some((rerun) => rerun.is_platform && rerun.outcome === "agrees") ? " by the platform" : "";
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(12)}  ${value}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
