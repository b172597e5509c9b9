/** Turns a graph file, a data spec and a few options into what a quote is asked for. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeDataset, loadData, parseDataSpec, writeDataset, type DatasetDescription } from "@cyxwiz/backend";
import { openGraphFile, writeCyxwiz } from "@cyxwiz/graph";
import { AppError, errorMessage } from "@cyxwiz/primitives";
import type { QuoteRequest } from "@cyxwiz/protocol/rest";
import type { MarketClient } from "../client/market-client.ts";
import { CLI_ERRORS } from "../errors.ts";

export interface TrainingRequest {
  readonly graphPath: string;
  readonly data: string;
  readonly batchSize?: number;
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly seed?: string;
  readonly maxPrice?: string;
  readonly device?: "any" | "cpu" | "gpu";
}

export interface PreparedTraining {
  readonly quoteRequest: QuoteRequest;
  /** What the graph file left open and how it was read, one sentence each. */
  readonly assumptions: readonly string[];
  readonly trainSamples: number;
  readonly testSamples: number;
}

const DEFAULT_BATCH_SIZE = 32;
const DEFAULT_EPOCHS = 5;

/** A dataset as one object on disk, ready to be uploaded. Dispose it to remove the file. */
export interface DatasetFile extends AsyncDisposable {
  readonly path: string;
  readonly description: DatasetDescription;
}

/** Reads what the spec names and writes it as one object to a temporary folder. The files named are not changed. */
export async function writeDatasetFile(data: string): Promise<DatasetFile> {
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-data-"));
  const remove = async (): Promise<void> => await rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "dataset.safetensors");
    await writeDataset(path, await loadData(parseDataSpec(data)));
    return { path, description: await describeDataset(path), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Opens a graph file of either kind. @throws AppError `cli/file-unreadable`, and `graph/…` for what is wrong inside. */
export async function readGraphFile(path: string): Promise<ReturnType<typeof openGraphFile>> {
  return openGraphFile(await readText(path));
}

/** Uploads the dataset and says what to ask a quote for. */
export async function prepareTraining(
  request: TrainingRequest,
  { opened, dataset }: { readonly opened: ReturnType<typeof openGraphFile>; readonly dataset: DatasetFile },
  client: MarketClient,
  signal?: AbortSignal,
): Promise<PreparedTraining> {
  const { graph, assumptions, settings } = opened;
  const { description } = dataset;
  const stored = await client.uploadFile(dataset.path, signal);
  const quoteRequest: QuoteRequest = {
    graph: writeCyxwiz(graph),
    dataset: {
      cid: stored.cid,
      size_bytes: stored.size_bytes,
      train_samples: description.trainSamples,
      test_samples: description.testSamples,
      sample_shape: [...description.sampleShape],
      classes: description.classes,
      target_shape: [...description.targetShape],
    },
    settings: {
      batch_size: request.batchSize ?? settings.batchSize ?? DEFAULT_BATCH_SIZE,
      epochs: request.epochs ?? settings.epochs ?? DEFAULT_EPOCHS,
      ...(request.learningRate !== undefined && { learning_rate: request.learningRate }),
      ...(request.seed !== undefined && { seed: request.seed }),
    },
    requirements: {
      device: request.device ?? "any",
      ...(request.maxPrice !== undefined && { max_price: request.maxPrice }),
      verification: "required",
    },
  };
  return {
    quoteRequest,
    assumptions: assumptions.map((assumption) => `${assumption.nodeName}: ${assumption.message}`),
    trainSamples: description.trainSamples,
    testSamples: description.testSamples,
  };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AppError(CLI_ERRORS.FILE_UNREADABLE, { path, reason: errorMessage(error) }, { cause: error });
  }
}
