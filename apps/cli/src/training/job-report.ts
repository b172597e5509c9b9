/** What a person is told about a job that is over: result, node, money, files. */
import { parseAmount } from "@cyxwiz/primitives";
import type { Job } from "@cyxwiz/protocol/rest";
import type { LossCurve } from "../client/market-client.ts";
import { changeText, runAgainText } from "../receipts/receipt-text.ts";
import { formatDuration, formatPercent } from "../terminal/format.ts";
import { lossCurve } from "../terminal/loss-curve.ts";
import { tint, type Terminal } from "../terminal/terminal.ts";

export function curveText(points: LossCurve, terminal: Pick<Terminal, "width">): string {
  return lossCurve(
    points.map((point) => ({ step: point.step, value: point.loss })),
    { width: Math.min(terminal.width, 80), height: 8, title: "Training loss" },
  );
}

export function jobSeconds(job: Job): number {
  if (!job.started_at || !job.ended_at) return 0;
  return (Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000;
}

export function resultLines(job: Job, terminal: Pick<Terminal, "color">): string[] {
  const accuracy = job.metrics["test_accuracy"];
  const loss = job.metrics["test_loss"];
  const title = tint(terminal, "bold", `${job.name}: ${job.state.toLowerCase()}`);
  const lines = [`${title} in ${formatDuration(jobSeconds(job))}, ${job.step} of ${job.total_steps} steps`];
  if (accuracy !== undefined)
    lines.push(`  Accuracy on held-out data  ${tint(terminal, "green", formatPercent(accuracy))}`);
  if (loss !== undefined) lines.push(`  Loss on held-out data      ${loss.toFixed(4)}`);
  if (job.failure)
    lines.push(tint(terminal, "red", `  Why it ended               ${job.failure.message} (${job.failure.blame})`));
  lines.push(`  Verification               ${verificationLine(job)}`);
  return lines;
}

/** How the result was checked, and by whom, in one line. What they were paid is a line of the payment. */
export function verificationLine({ verification }: Job): string {
  const { verdict, interval, reruns } = verification;
  const runAgain = interval ? runAgainText(interval, "before") : "nothing was run again";
  // One who disagreed with the verdict did not bring it about.
  const says = verdict === "refused" ? ["disagrees", "implausible"] : ["agrees", "plausible"];
  const answered = reruns.filter(({ outcome }) => outcome !== null && says.includes(outcome));
  const byWhom = [...new Set(answered.map((rerun) => rerun.node_name))].join(" and ");
  switch (verdict) {
    case "pending":
      return interval
        ? `pending: ${runAgainText(interval, "now")}${runningBy(verification)}`
        : "pending: not checked yet";
    case "verified":
      return `verified: ${runAgain} by ${byWhom}, bit-equal`;
    case "plausible":
      return `plausible: ${runAgain} on other hardware by ${byWhom}, ${distanceText(answered)}`;
    case "unverified":
      return "unverified: nobody could re-run it";
    case "refused":
      return `refused: ${runAgain} by ${byWhom}, with another result`;
  }
}

/** Who re-runs it at this moment. */
function runningBy({ reruns }: Job["verification"]): string {
  const running = reruns.find((rerun) => rerun.outcome === null);
  return running ? ` by ${running.node_name}` : "";
}

function distanceText(reruns: Job["verification"]["reruns"]): string {
  const distances = reruns.map((rerun) => rerun.distance).filter((distance) => distance !== null);
  return distances.length === 0 ? "close" : `at distance ${Math.max(...distances).toPrecision(2)}`;
}

/** What the user changed while the job ran, and from where on it held. */
export function changeLines(job: Job): string[] {
  return job.changes.map((change) => {
    const when = change.applied_step === null ? "not applied yet" : `after step ${change.applied_step}`;
    return `  ${changeText(change)}: ${when}`;
  });
}

/** Why this node: its score, term by term, beside the next best. */
export function placementLines(job: Job): string[] {
  if (!job.node) return ["  No node took this job."];
  const lines = [`  ${job.node.name} (${job.node.device}) trained it`];
  if (!job.placement) return lines;
  const terms = (breakdown: Readonly<Record<string, number>>): string =>
    Object.entries(breakdown)
      .filter(([, value]) => value !== 0)
      .map(([name, value]) => `${name} ${value.toFixed(1)}`)
      .join(", ");
  lines.push(
    `    ${job.node.name.padEnd(12)} score ${job.placement.score.toFixed(1)} (${terms(job.placement.breakdown)})`,
  );
  for (const other of job.placement.other_offers) {
    const cost = `${other.cost} CYXWIZ, ${formatDuration(other.seconds_expected)}`;
    lines.push(
      `    ${other.node_name.padEnd(12)} score ${other.score.toFixed(1)} when quoted, would have cost ${cost}`,
    );
  }
  for (const other of job.placement.runners_up.slice(0, 3)) {
    lines.push(`    ${other.node_name.padEnd(12)} score ${other.score.toFixed(1)} (${terms(other.breakdown)})`);
  }
  return lines;
}

/** Owner + platform + refund = quoted, always. */
export function paymentLines(job: Job): string[] {
  const { payment } = job;
  return [
    `  Quoted and escrowed  ${payment.quoted} CYXWIZ`,
    `    owner    90 %      ${payment.owner}`,
    `    platform 10 %      ${payment.platform}`,
    ...verifierLines(job),
    `    back to you        ${payment.refunded}`,
  ];
}

/** Verifiers are paid from the platform's part, so their line is a part of the one above it. */
function verifierLines({ verification }: Job): string[] {
  return verification.reruns
    .filter((rerun) => parseAmount(rerun.paid) > 0n)
    .map((rerun) => `      of it for checking ${rerun.paid}, to ${rerun.node_name}`);
}
