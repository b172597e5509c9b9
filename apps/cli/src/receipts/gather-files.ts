/** Brings together what a re-run needs: from a folder by content, and what is not there from the market. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import { saveContent } from "../client/content.ts";
import type { MarketClient } from "../client/market-client.ts";
import { CLI_ERRORS } from "../errors.ts";
import { findFiles, type WantedFile } from "./find-files.ts";

/** The market that issued a receipt, as far as this session reaches it; otherwise why not, in a clause. */
export type ReceiptMarket = { readonly client: MarketClient } | { readonly absence: string };

export interface GatherOptions {
  readonly jobId: string;
  /** Searched first. */
  readonly folder: string;
  /** Asked for only when a file is missing. */
  readonly market: () => Promise<ReceiptMarket>;
  readonly onProgress: (message: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * The path of every wanted file. What is downloaded goes into `into`, checked by its content.
 * @throws AppError `cli/rerun-files-missing` with all that neither the folder nor the market has.
 */
export async function gatherFiles(
  wanted: readonly WantedFile[],
  into: string,
  options: GatherOptions,
): Promise<ReadonlyMap<WantedFile, string>> {
  const { folder, signal, onProgress } = options;
  const paths = new Map(await findFiles(folder, wanted, signal));
  const missing = wanted.filter((file) => !paths.has(file));
  if (missing.length === 0) return paths;
  const refuse = (reason: string, cause?: unknown): AppError => {
    const files = missing.filter((file) => !paths.has(file)).map((file) => `${file.what} (${file.content.value})`);
    return new AppError(CLI_ERRORS.RERUN_FILES_MISSING, { files, folder, reason }, { cause });
  };
  const market = await options.market();
  if ("absence" in market) throw refuse(market.absence);
  await mkdir(into, { recursive: true });
  for (const [index, file] of missing.entries()) {
    onProgress(`Downloading ${file.what} …`);
    const path = join(into, `input-${index}`);
    try {
      await downloadFile(market.client, options.jobId, file, { path, ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw refuse(errorMessage(error), error);
    }
    paths.set(file, path);
  }
  return paths;
}

/** Downloads one file of a job by its content. @throws AppError `cli/download-…`, and those of the client. */
export async function downloadFile(
  client: MarketClient,
  jobId: string,
  file: WantedFile,
  to: { readonly path: string; readonly signal?: AbortSignal },
): Promise<void> {
  const bytes =
    file.cid === undefined ? await client.jobGraph(jobId, to.signal) : await client.object(file.cid, to.signal);
  await saveContent(bytes, to.path, file.content, to.signal);
}
