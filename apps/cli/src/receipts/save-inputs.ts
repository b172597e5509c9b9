/** Saves what a re-run of a receipt needs, so that it also works when the market is gone. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ReceiptBody } from "@cyxwiz/receipt";
import type { MarketClient } from "../client/market-client.ts";
import type { WantedFile } from "./find-files.ts";
import { downloadFile } from "./gather-files.ts";
import { checkpointFile, inputsOf, planRerun } from "./rerun-plan.ts";

/**
 * Downloads graph, dataset and the checkpoints at both ends of the drawn interval under clear names, each checked by its
 * content. The one at the end is for machines of another class, which can only measure how far from it they come.
 * @throws AppError `cli/rerun-impossible`, `cli/download-…`, and of the client.
 */
export async function saveInputs(
  client: MarketClient,
  receipt: ReceiptBody,
  folder: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const plan = planRerun(receipt, "interval");
  const { graph, dataset, start } = inputsOf(plan);
  const named: [name: string, file: WantedFile | undefined][] = [
    ["graph.cyxwiz", graph],
    ["dataset.safetensors", dataset],
    [`checkpoint-${plan.from}.safetensors`, start],
    [`checkpoint-${plan.to}.safetensors`, plan.end && checkpointFile(plan.end)],
  ];
  const paths: string[] = [];
  await mkdir(folder, { recursive: true });
  for (const [name, file] of named) {
    if (!file) continue;
    const path = join(folder, name);
    await downloadFile(client, receipt.job_id, file, { path, ...(signal && { signal }) });
    paths.push(path);
  }
  return paths;
}
