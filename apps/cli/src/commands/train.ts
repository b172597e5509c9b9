import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { errorMessage } from "@cyxwiz/primitives";
import type { Job, Quote } from "@cyxwiz/protocol/rest";
import type { MarketClient } from "../client/market-client.ts";
import { saveReceipt } from "../receipts/save-receipt.ts";
import { formatBytes, formatDuration } from "../terminal/format.ts";
import { formatTable } from "../terminal/table.ts";
import { requireCompleted } from "../training/job-outcome.ts";
import { curveText, paymentLines, placementLines, resultLines } from "../training/job-report.ts";
import {
  prepareTraining,
  readGraphFile,
  writeDatasetFile,
  type DatasetFile,
  type TrainingRequest,
} from "../training/prepare-training.ts";
import { progressLine } from "../training/progress-line.ts";
import { watchJob } from "../training/watch-job.ts";
import { report, requireSession, type CommandContext } from "./command-context.ts";
import { downloadModels } from "./models.ts";
import { sayNewKeys } from "./receipt.ts";

export interface TrainOptions extends TrainingRequest {
  readonly detach?: boolean;
  readonly out?: string;
}

/** Asks for a price and locks nothing. */
export async function quote(context: CommandContext, request: TrainingRequest): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz quote");
  const offer = await askQuote(context, client, request);
  report(context, offer, () => quoteText(offer));
}

/** Quote, escrow, train, watch, download. */
export async function train(context: CommandContext, options: TrainOptions): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz train");
  const offer = await askQuote(context, client, options);
  context.terminal.say(quoteText(offer));
  const job = await client.submit(offer.quote_id, randomUUID());
  context.terminal.say(`Job ${job.job_id} is submitted; ${offer.amount} CYXWIZ are in escrow.`);
  if (options.detach) {
    report(context, job, () => `Follow it with: cyxwiz jobs watch ${job.job_id}`);
    return;
  }
  const over = await followFromAfar(context, client, job.job_id);
  const folder = options.out ?? ".";
  const files = await downloadModels(client, over, folder, context.signal);
  const receipt = await downloadReceipt(context, client, over, folder);
  report(context, { ...over, downloaded: [...files, ...receipt] }, () =>
    [
      ...resultLines(over, context.terminal),
      "",
      ...placementLines(over),
      "",
      ...paymentLines(over),
      "",
      ...[...files, ...receipt].map((path) => `  ${path}`),
      ...receipt.map((path) => `Check the receipt: cyxwiz receipt verify ${path} --rerun`),
    ].join("\n"),
  );
  requireCompleted(over);
}

/**
 * Saves the job's receipt beside its models, if it has one. What is wrong with the remembered keys or with the receipt is
 * said and does not take the trained model away.
 */
async function downloadReceipt(
  context: CommandContext,
  client: MarketClient,
  job: Job,
  folder: string,
): Promise<string[]> {
  if (!job.has_receipt) return [];
  const { keys, signal, terminal } = context;
  try {
    const saved = await saveReceipt(client, job.job_id, { path: join(folder, "receipt.json"), keys, signal });
    sayNewKeys(context, saved.added);
    return [saved.path];
  } catch (error) {
    signal.throwIfAborted();
    terminal.say(`The receipt was not saved: ${errorMessage(error)}\nTry again: cyxwiz receipt get ${job.job_id}`);
    return [];
  }
}

/** Shows progress until the job is over; on a plain stream a line each time that something but the step changes. */
export async function follow(context: CommandContext, client: MarketClient, jobId: string): Promise<Job> {
  const { terminal, clock, signal } = context;
  let shown = "";
  const over = await watchJob({
    client,
    jobId,
    clock,
    signal,
    onUpdate: (job) => {
      const line = progressLine(job, terminal);
      const key = job.state === "RUNNING" ? `${job.state} ${job.epoch}` : line;
      if (terminal.live) terminal.redraw(line);
      else if (key !== shown) terminal.say(line);
      shown = key;
    },
    onOffline: () => terminal.redraw("the Central Server does not answer; trying again …"),
  });
  terminal.say(curveText(await client.lossCurve(jobId), terminal));
  return over;
}

/** `follow` for a market that outlives this program: Ctrl-C ends the watching, not the job. */
export async function followFromAfar(context: CommandContext, client: MarketClient, jobId: string): Promise<Job> {
  try {
    return await follow(context, client, jobId);
  } finally {
    if (context.signal.aborted) {
      context.terminal.say(
        `Job ${jobId} goes on. Follow it with: cyxwiz jobs watch ${jobId}, or stop it with: jobs cancel`,
      );
    }
  }
}

/** Prepares the job and asks for its price. `given` is a dataset that is being read already. */
export async function askQuote(
  context: CommandContext,
  client: MarketClient,
  request: TrainingRequest,
  given?: Promise<DatasetFile>,
): Promise<Quote> {
  const opened = await readGraphFile(request.graphPath);
  context.terminal.say(`Reading ${request.data} and uploading it …`);
  await using dataset = await (given ?? writeDatasetFile(request.data));
  const prepared = await prepareTraining(request, { opened, dataset }, client, context.signal);
  for (const assumption of prepared.assumptions) context.terminal.say(`  assumed: ${assumption}`);
  context.terminal.say(`${prepared.trainSamples} samples to train on, ${prepared.testSamples} held out.`);
  return await client.quote(prepared.quoteRequest);
}

export function quoteText(offer: Quote): string {
  const { best } = offer;
  const rows = [best, ...offer.alternatives];
  const time = `${formatDuration(best.seconds_expected)}, at most ${formatDuration(best.seconds_at_most)}`;
  return [
    `Quote: ${offer.amount} CYXWIZ for ${offer.total_steps} steps on ${best.node_name} (${time})`,
    `  ${offer.cost.parameters} parameters, ${formatBytes(offer.cost.peak_memory_bytes)} of memory, ${(offer.cost.train_flops / 1e9).toFixed(1)} GFLOP`,
    formatTable(
      [
        { title: "  node", value: (row) => `  ${row.node_name}` },
        { title: "device", value: (row) => row.device },
        { title: "cost", align: "right", value: (row) => row.cost },
        { title: "expected", align: "right", value: (row) => formatDuration(row.seconds_expected) },
        { title: "score", align: "right", value: (row) => row.score.toFixed(1) },
      ],
      rows,
    ),
    ...offer.not_fitting.map((filter) => `  not fitting: ${filter.message}`),
  ].join("\n");
}
