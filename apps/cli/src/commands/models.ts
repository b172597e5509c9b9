import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@cyxwiz/primitives";
import type { Job } from "@cyxwiz/protocol/rest";
import { saveContent } from "../client/content.ts";
import type { MarketClient } from "../client/market-client.ts";
import { CLI_ERRORS } from "../errors.ts";
import { report, requireSession, type CommandContext } from "./command-context.ts";

type Format = "onnx" | "safetensors";

export interface DownloadOptions {
  readonly format?: Format;
  readonly out?: string;
}

export async function download(context: CommandContext, jobId: string, options: DownloadOptions): Promise<void> {
  const { client } = await requireSession(context, "cyxwiz models download");
  const job = await client.job(jobId);
  const files = await downloadModels(client, job, options.out ?? ".", context.signal, options.format);
  if (files.length === 0) {
    throw new AppError(CLI_ERRORS.MODEL_ABSENT, { jobId, state: job.state, format: options.format ?? "model" });
  }
  report(context, { job_id: jobId, files }, () => files.join("\n"));
}

/** Downloads what the job left, checks each file's SHA-256 and gives the paths. */
export async function downloadModels(
  client: MarketClient,
  job: Job,
  folder: string,
  signal?: AbortSignal,
  only?: Format,
): Promise<string[]> {
  const base =
    job.name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "") || "model";
  const wanted = [
    { format: "onnx", file: job.files.onnx },
    { format: "safetensors", file: job.files.weights },
  ] as const;
  const paths: string[] = [];
  await mkdir(folder, { recursive: true });
  for (const { format, file } of wanted) {
    if (!file || (only && only !== format)) continue;
    const path = join(folder, `${base}-${job.job_id.slice(0, 8)}.${format}`);
    const bytes = await client.downloadModel(job.job_id, format, signal);
    await saveContent(bytes, path, { kind: "SHA-256", value: file.sha256 }, signal);
    paths.push(path);
  }
  return paths;
}
