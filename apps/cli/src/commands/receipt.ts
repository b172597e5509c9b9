/** `cyxwiz receipt`: get one, check one offline, run its steps again, and trust a market's keys. */
import { dirname, resolve } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import type { ReceiptBody, ReceiptKey } from "@cyxwiz/receipt";
import { CLI_ERRORS } from "../errors.ts";
import { gatherFiles, type ReceiptMarket } from "../receipts/gather-files.ts";
import { fetchKeys, fingerprint, readKeys } from "../receipts/market-key.ts";
import { findModels, modelLines } from "../receipts/model-files.ts";
import { receiptText, rerunLine, stepsText, verdictLine } from "../receipts/receipt-text.ts";
import { thisMachine } from "../receipts/rerun-machine.ts";
import { planRerun, type RerunPlan, type RerunScope } from "../receipts/rerun-plan.ts";
import { rerunReceipt, type RerunResult } from "../receipts/rerun-receipt.ts";
import { saveReceipt } from "../receipts/save-receipt.ts";
import { readReceipt, verifyReceipt } from "../receipts/verify-receipt.ts";
import { formatDuration, formatPercent } from "../terminal/format.ts";
import { openSession, report, requireSession, type CommandContext } from "./command-context.ts";

export interface VerifyOptions {
  /** Files or addresses of keys, beside those that are remembered. */
  readonly key: readonly string[];
  readonly rerun?: RerunScope;
  /** Where what a re-run needs is searched; the receipt's folder when absent. */
  readonly files?: string;
}

/** Saves a job's receipt and remembers the market's key. */
export async function getReceipt(context: CommandContext, jobId: string, options: { out: string }): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz receipt get");
  const { keys, signal } = context;
  const { path, receipt, added } = await saveReceipt(client, jobId, { path: resolve(options.out), keys, signal });
  sayNewKeys(context, added);
  report(context, { job_id: receipt.job_id, path, verdict: receipt.verification.verdict }, () =>
    [verdictLine(receipt), `  ${path}`, `Check it anywhere: cyxwiz receipt verify ${path}`].join("\n"),
  );
}

/** Checks a receipt without any network; with `rerun` it also computes again what the receipt says. */
export async function verifyReceiptFile(context: CommandContext, file: string, options: VerifyOptions): Promise<void> {
  const { signal, terminal } = context;
  const signed = await readReceipt(file);
  const { receipt } = signed;
  const given = await Promise.all(options.key.map((source) => readKeys(source, receipt.network, signal)));
  verifyReceipt(signed, [...given.flat(), ...(await context.keys.load())]);
  const folder = resolve(options.files ?? dirname(file));
  const files = await findModels(receipt, folder, signal);
  if (!terminal.json)
    terminal.out([receiptText(signed), "", ...modelLines(receipt, files, folder)].join("\n").trimEnd());
  const rerun = options.rerun ? await runAgain(context, receipt, { scope: options.rerun, folder }) : null;
  if (terminal.json) {
    terminal.out(JSON.stringify({ valid: true, key_id: signed.signature.key_id, files, rerun, receipt }));
  }
  if (!rerun) return;
  if (!terminal.json) terminal.out(`\n${rerunLine(rerun)}`);
  if (rerun.differing.length > 0) {
    throw new AppError(CLI_ERRORS.RERUN_DIFFERS, { jobId: receipt.job_id, differing: rerun.differing });
  }
}

/** Fetches a market's keys and remembers them. */
export async function trustMarket(context: CommandContext, url: string, options: { replace?: boolean }): Promise<void> {
  const published = await fetchKeys(url, context.signal);
  const added = await context.keys.remember(published, url, options);
  const keys = published.keys.map((key) => ({ ...key, fingerprint: fingerprint(key.public_key, url) }));
  report(context, { network: published.network, keys, added: added.map((key) => key.key_id) }, () =>
    [
      added.length === 0 ? `${published.network} was trusted already.` : `Trusted from now on: ${published.network}`,
      ...keys.map((key) => `  key ${key.key_id}\n      SHA-256 ${key.fingerprint}`),
      "Compare the SHA-256 with what the market's operator tells you by another way.",
    ].join("\n"),
  );
}

export function sayNewKeys(context: CommandContext, added: readonly ReceiptKey[]): void {
  for (const key of added) {
    context.terminal.say(`Remembered key ${key.key_id} of ${key.network}; its receipts can now be checked offline.`);
  }
}

async function runAgain(
  context: CommandContext,
  receipt: ReceiptBody,
  { scope, folder }: { readonly scope: RerunScope; readonly folder: string },
): Promise<RerunResult> {
  const { terminal, signal } = context;
  const plan = planRerun(receipt, scope);
  terminal.say(`Running ${stepsText(plan)} of ${plan.run.total_steps} again on this machine …`);
  const onNotice = (text: string): void => terminal.say(text);
  return await rerunReceipt(plan, {
    machine: await thisMachine(),
    gather: (wanted, into) =>
      gatherFiles(wanted, into, {
        jobId: receipt.job_id,
        folder,
        market: () => marketOf(context, receipt.network),
        onProgress: onNotice,
        signal,
      }),
    onProgress: progressShower(context, plan),
    onNotice,
    signal,
  });
}

function progressShower({ terminal, clock }: CommandContext, plan: RerunPlan): (step: number) => void {
  const begun = clock.monotonic();
  return (step) => {
    const done = (step - plan.from) / (plan.to - plan.from);
    const secondsLeft = ((clock.monotonic() - begun) / 1000) * (1 / done - 1);
    terminal.redraw(`step ${step}: ${formatPercent(done)} done, ${formatDuration(secondsLeft)} left`);
  };
}

/** The market of the session, if it is the one that issued the receipt and answers. */
async function marketOf(context: CommandContext, network: string): Promise<ReceiptMarket> {
  const client = await openSession(context);
  if (!client) return { absence: `you are not signed in to ${network}, which may have it` };
  try {
    const published = await client.receiptKeys(context.signal);
    if (published.network === network) return { client };
    return { absence: `the market of your session, ${client.url}, is ${published.network} and not ${network}` };
  } catch (error) {
    context.signal.throwIfAborted();
    return { absence: errorMessage(error) };
  }
}
