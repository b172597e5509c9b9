/**
 * The first command of the README: a whole market, and one job through all of it, on real handwritten digits.
 *
 * Nothing here is a shortcut: the market's programs are real processes that talk over real sockets, and the user goes
 * through the same REST calls as any other client. Only the money is simulated, and that is said.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Job, Quote } from "@cyxwiz/protocol/rest";
import { MarketClient } from "../client/market-client.ts";
import { LocalMarket } from "../market/local-market.ts";
import { NODE_PLANS } from "../market/market-node.ts";
import { untilStopped } from "../market/until-stopped.ts";
import { saveInputs } from "../receipts/save-inputs.ts";
import { saveReceipt } from "../receipts/save-receipt.ts";
import { formatDuration } from "../terminal/format.ts";
import { tint } from "../terminal/terminal.ts";
import { requireCompleted, requireVerified } from "../training/job-outcome.ts";
import { paymentLines, placementLines, resultLines } from "../training/job-report.ts";
import { writeDatasetFile, type DatasetFile } from "../training/prepare-training.ts";
import type { CommandContext } from "./command-context.ts";
import { downloadModels } from "./models.ts";
import { sayNewKeys } from "./receipt.ts";
import { askQuote, follow, quoteText } from "./train.ts";

export interface QuickstartOptions {
  readonly keep?: boolean;
  readonly out?: string;
  readonly seed?: string;
}

const EXAMPLE = fileURLToPath(new URL("../../../../examples/digits-cnn.cyxwiz", import.meta.url));
const DATA = "mnist";
const FAUCET_AMOUNT = "100";
/** Gave 97.35 to 98.25 % on the held-out digits over six seeds, in seconds on two cores. */
const SETTINGS = { batchSize: 64, epochs: 10 };

interface Seconds {
  install: number | null;
  market: number;
  training: number;
  total: number;
}

export async function quickstart(context: CommandContext, options: QuickstartOptions): Promise<void> {
  const { terminal, signal, clock } = context;
  const begun = clock.monotonic();
  const dataDir = await mkdtemp(join(tmpdir(), "cyxwiz-quickstart-"));
  // Passable, not listable: started by root, the database runs as another user and must reach its own folder.
  await chmod(dataDir, 0o711);
  // Read while the market starts; a failure is reported where the dataset is needed.
  const dataset = writeDatasetFile(DATA);
  dataset.catch(() => undefined);
  try {
    await using market = await LocalMarket.start({
      dataDir,
      nodes: NODE_PLANS,
      onProgress: (message) => terminal.say(message),
      signal,
    });
    const marketSeconds = (clock.monotonic() - begun) / 1000;
    terminal.say(`The market runs at ${market.restUrl} (${formatDuration(marketSeconds)}).`);
    const { job, offer, client } = await trainDigits(context, market, options, dataset);
    const files = await saveResults(context, client, job, resolve(options.out ?? "results"));
    const seconds: Seconds = {
      install: installSeconds(context, begun),
      market: marketSeconds,
      training: trainingSeconds(job),
      total: (clock.monotonic() - begun) / 1000,
    };
    present(context, job, offer, files, seconds);
    if (options.keep) await keepRunning(context, market, dataDir);
  } finally {
    await dataset.then(async (file) => await file[Symbol.asyncDispose]()).catch(() => undefined);
    if (!options.keep) await rm(dataDir, { recursive: true, force: true });
  }
}

async function trainDigits(
  context: CommandContext,
  market: LocalMarket,
  options: QuickstartOptions,
  dataset: Promise<DatasetFile>,
): Promise<{ job: Job; offer: Quote; client: MarketClient }> {
  const { terminal } = context;
  const account = { email: "ada@quickstart.local", username: "ada", password: randomBytes(18).toString("base64url") };
  const session = await new MarketClient(market.restUrl).register(account);
  const client = new MarketClient(market.restUrl, session.token);
  await client.faucet(FAUCET_AMOUNT, randomUUID());
  terminal.say(`Signed up ada; her wallet holds ${FAUCET_AMOUNT} CYXWIZ from the test faucet (simulated money).`);
  const request = {
    graphPath: EXAMPLE,
    data: "mnist",
    ...SETTINGS,
    ...(options.seed !== undefined && { seed: options.seed }),
  };
  const offer = await askQuote(context, client, request, dataset);
  terminal.say(quoteText(offer));
  const submitted = await client.submit(offer.quote_id, randomUUID());
  terminal.say(`Job ${submitted.job_id}: ${offer.amount} CYXWIZ are in escrow.`);
  const job = await follow(context, client, submitted.job_id);
  requireCompleted(job);
  requireVerified(job);
  return { job, offer, client };
}

interface ResultFiles {
  readonly onnx: string;
  readonly weights: string;
  readonly receipt: string;
}

/** The models, the receipt, and what it takes to run the checked steps again once this market is gone. */
async function saveResults(
  context: CommandContext,
  client: MarketClient,
  job: Job,
  folder: string,
): Promise<ResultFiles> {
  const { keys, signal } = context;
  const [onnx = "", weights = ""] = await downloadModels(client, job, folder, signal);
  const saved = await saveReceipt(client, job.job_id, { path: join(folder, "receipt.json"), keys, signal });
  sayNewKeys(context, saved.added);
  await saveInputs(client, saved.receipt, join(folder, "job"), signal);
  return { onnx, weights, receipt: saved.path };
}

function present(context: CommandContext, job: Job, offer: Quote, files: ResultFiles, seconds: Seconds): void {
  const { terminal } = context;
  const summary = [
    "",
    ...resultLines(job, terminal),
    "",
    tint(terminal, "bold", "Why this node"),
    ...placementLines(job),
    "",
    tint(terminal, "bold", "Who was paid (simulated tokens)"),
    ...paymentLines(job),
    "",
    tint(terminal, "bold", "Your files"),
    `  ONNX     ${files.onnx}`,
    `  weights  ${files.weights}`,
    `  receipt  ${files.receipt}`,
    "",
    "Run the checked steps again yourself, without the market:",
    `  npx cyxwiz receipt verify ${shellWord(files.receipt)} --rerun`,
    "",
    `Done in ${formatDuration(seconds.total)}.`,
  ];
  terminal.say(summary.join("\n"));
  if (!terminal.json) return;
  const { quoted, owner, platform, refunded } = job.payment;
  const { verdict, interval, reruns, paid } = job.verification;
  const verifier = reruns.find((rerun) => rerun.outcome === "agrees")?.node_name ?? null;
  terminal.out(
    JSON.stringify({
      testAccuracy: job.metrics["test_accuracy"],
      jobId: job.job_id,
      node: job.node?.name ?? null,
      quoteId: offer.quote_id,
      verification: { verdict, interval, verifier, paid, reruns },
      simulated: true,
      paid: { quoted, owner, platform, refunded },
      files,
      seconds,
    }),
  );
}

/** A path as it can be typed. */
function shellWord(text: string): string {
  return /^[\w./:\\-]+$/.test(text) ? text : `"${text}"`;
}

function trainingSeconds(job: Job): number {
  return job.started_at && job.ended_at ? (Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000 : 0;
}

/** From the first command to the start of this program: set-up included. The bootstrap says when it began. */
function installSeconds(context: CommandContext, begun: number): number | null {
  const startedAt = Number(context.env["CYXWIZ_STARTED_AT"]);
  if (!Number.isFinite(startedAt)) return null;
  const sinceBegun = context.clock.monotonic() - begun;
  return Math.max(0, (context.clock.now() - sinceBegun - startedAt) / 1000);
}

async function keepRunning(context: CommandContext, market: LocalMarket, dataDir: string): Promise<void> {
  const { terminal, signal } = context;
  terminal.say(
    `The market keeps running: REST ${market.restUrl}, gRPC ${market.grpcAddress}, data in ${dataDir}. Ctrl-C stops it.`,
  );
  await untilStopped(market, terminal, signal);
}
