import type { Job } from "@cyxwiz/protocol/rest";
import { runAgainText } from "../receipts/receipt-text.ts";
import { formatCount, formatDuration, formatPercent } from "../terminal/format.ts";
import { tint, type Terminal } from "../terminal/terminal.ts";

const BAR_WIDTH = 20;

/** One line: where the job is, how well it does, how long it still takes. */
export function progressLine(job: Job, terminal: Pick<Terminal, "color">): string {
  if (job.state !== "RUNNING") return waitingLine(job);
  const filled = Math.round(job.progress * BAR_WIDTH);
  const bar = tint(terminal, "green", "█".repeat(filled)) + tint(terminal, "dim", "░".repeat(BAR_WIDTH - filled));
  const parts = [
    `${bar} ${formatPercent(job.progress)}`,
    `epoch ${Math.max(1, job.epoch)}/${job.total_epochs}`,
    ...(job.loss === null ? [] : [`loss ${job.loss.toFixed(4)}`]),
    ...(job.accuracy === null ? [] : [`accuracy ${formatPercent(job.accuracy)}`]),
    ...(job.samples_per_second === null ? [] : [`${formatCount(job.samples_per_second)} samples/s`]),
    ...(job.seconds_left === null ? [] : [`${formatDuration(job.seconds_left)} left`]),
  ];
  return parts.join("  ");
}

function waitingLine(job: Job): string {
  const reason = job.waiting_because ? `: ${job.waiting_because}` : "";
  const node = job.node ? ` on ${job.node.name}` : "";
  const what: Record<Job["state"], string> = {
    CREATED: "created",
    QUEUED: "waiting for the escrow",
    ESCROWED: `paid into escrow, waiting for a node${reason}`,
    ASSIGNED: `assigned${node}, which fetches the data`,
    RUNNING: `running${node}`,
    VERIFYING: `finished, ${verifyingText(job.verification)}`,
    COMPLETED: "finished, the payment is on its way",
    FAILED: "failed, the refund is on its way",
    CANCELLED: "cancelled, the refund is on its way",
  };
  return what[job.state];
}

function verifyingText({ interval, reruns }: Job["verification"]): string {
  if (!interval) return "the result is being checked";
  const running = reruns.find((rerun) => rerun.outcome === null);
  const what = runAgainText(interval, "now");
  return running ? `${what} by ${running.node_name} to check the result` : `${what} as soon as a node is free`;
}
