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
import { AppError } from "@cyxwiz/primitives";
import type { Job, Quote } from "@cyxwiz/protocol/rest";
import { MarketClient } from "../client/market-client.ts";
import { CLI_ERRORS } from "../errors.ts";
import { LocalMarket, NODE_PLANS } from "../market/local-market.ts";
import { untilStopped } from "../market/until-stopped.ts";
import { formatDuration } from "../terminal/format.ts";
import { tint } from "../terminal/terminal.ts";
import { paymentLines, placementLines, resultLines } from "../training/job-report.ts";
import { writeDatasetFile, type DatasetFile } from "../training/prepare-training.ts";
import type { CommandContext } from "./command-context.ts";
import { downloadModels } from "./models.ts";
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
    const files = await downloadModels(client, job, resolve(options.out ?? "results"), signal);
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
  if (job.state !== "COMPLETED") {
    throw new AppError(CLI_ERRORS.JOB_ENDED, {
      jobId: job.job_id,
      state: job.state,
      reason: job.failure?.message ?? "",
    });
  }
  return { job, offer, client };
}

function present(context: CommandContext, job: Job, offer: Quote, files: readonly string[], seconds: Seconds): void {
  const { terminal } = context;
  const [onnx = "", weights = ""] = files;
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
    `  ONNX     ${onnx}`,
    `  weights  ${weights}`,
    "",
    `Done in ${formatDuration(seconds.total)}.`,
  ];
  terminal.say(summary.join("\n"));
  if (!terminal.json) return;
  const { quoted, owner, platform, refunded } = job.payment;
  terminal.out(
    JSON.stringify({
      testAccuracy: job.metrics["test_accuracy"],
      jobId: job.job_id,
      node: job.node?.name ?? null,
      quoteId: offer.quote_id,
      verification: { verdict: job.verification },
      simulated: true,
      paid: { quoted, owner, platform, refunded },
      files: { onnx, weights },
      seconds,
    }),
  );
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
