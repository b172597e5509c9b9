import { AppError } from "@cyxwiz/primitives";
import type { Job } from "@cyxwiz/protocol/rest";
import { CLI_ERRORS } from "../errors.ts";
import { formatPercent } from "../terminal/format.ts";
import { formatTable } from "../terminal/table.ts";
import { changeLines, paymentLines, placementLines, resultLines, verificationLine } from "../training/job-report.ts";
import { progressLine } from "../training/progress-line.ts";
import { isOver } from "../training/watch-job.ts";
import { report, requireSession, type CommandContext } from "./command-context.ts";
import { followFromAfar } from "./train.ts";

export async function listJobs(context: CommandContext, options: { state?: string; limit: number }): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz jobs list");
  const page = await client.jobs(options);
  report(context, page, () =>
    page.jobs.length === 0
      ? noJobs(options.state)
      : formatTable(
          [
            { title: "job", value: (job) => job.job_id },
            { title: "name", value: (job) => job.name.slice(0, 24) },
            { title: "state", value: (job) => job.state },
            { title: "done", align: "right", value: (job) => formatPercent(job.progress) },
            { title: "node", value: (job) => job.node?.name ?? "" },
            { title: "quoted", align: "right", value: (job) => job.payment.quoted },
            { title: "created", value: (job) => job.created_at.slice(0, 19).replace("T", " ") },
          ],
          page.jobs,
        ),
  );
}

export async function showJob(context: CommandContext, jobId: string): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz jobs show");
  const job = await client.job(jobId);
  report(context, job, () => jobText(job, context));
}

function noJobs(state: string | undefined): string {
  return state === undefined
    ? "No jobs yet. Train something: cyxwiz train examples/digits-cnn.cyxwiz --data mnist"
    : `No job is ${state}.`;
}

export async function watch(context: CommandContext, jobId: string): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz jobs watch");
  const job = await followFromAfar(context, client, jobId);
  report(context, job, () => jobText(job, context));
}

export async function cancel(context: CommandContext, jobId: string, options: { keepModel?: boolean }): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz jobs cancel");
  const job = await client.cancel(jobId, options.keepModel ?? false);
  report(context, job, () => `Job ${jobId} is ${job.state}. Committed steps are paid, the rest comes back to you.`);
}

export interface ChangeOptions {
  readonly learningRate?: number;
  readonly batchSize?: number;
  readonly stop?: boolean;
}

/** Changes a job while it runs; its node applies the change at its next step. */
export async function change(context: CommandContext, jobId: string, options: ChangeOptions): Promise<void> {
  const { learningRate, batchSize, stop } = options;
  if (learningRate === undefined && batchSize === undefined && !stop) {
    throw new AppError(CLI_ERRORS.USAGE, { message: "say what to change: --learning-rate, --batch-size or --stop" });
  }
  const { client } = await requireSession(context, "cyxwiz jobs change");
  const job = await client.change(jobId, {
    ...(learningRate !== undefined && { learning_rate: learningRate }),
    ...(batchSize !== undefined && { batch_size: batchSize }),
    ...(stop && { stop }),
  });
  report(context, job, () =>
    [
      `Asked for. The node applies it at its next step, and the receipt names it with that step.`,
      ...changeLines(job),
      `Follow it with: cyxwiz jobs watch ${jobId}`,
    ].join("\n"),
  );
}

function jobText(job: Job, context: CommandContext): string {
  const head = isOver(job)
    ? resultLines(job, context.terminal)
    : [`${job.name}: ${progressLine(job, context.terminal)}`, `  ${verificationLine(job)}`];
  const story = job.events.map((event) => `  ${event.at.slice(11, 19)}  ${event.message}`);
  const changes = job.changes.length === 0 ? [] : ["", "Changes while it ran", ...changeLines(job)];
  const receipt = job.has_receipt ? ["", `Receipt: cyxwiz receipt get ${job.job_id}`] : [];
  return [
    ...head,
    ...changes,
    "",
    ...placementLines(job),
    "",
    ...paymentLines(job),
    ...receipt,
    "",
    "What happened",
    ...story,
  ].join("\n");
}
