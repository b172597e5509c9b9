/** What a person is told about a job that is over: result, node, money, files. */
import type { Job } from "@cyxwiz/protocol/rest";
import type { LossCurve } from "../client/market-client.ts";
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
  lines.push(`  Verification               ${verificationText(job.verification)}`);
  return lines;
}

function verificationText(verification: Job["verification"]): string {
  return verification === "unverified" ? "unverified: nobody has re-run a part of this work" : verification;
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
    `    back to you        ${payment.refunded}`,
  ];
}
