/** From a graph file, a dataset's description and settings to what the job needs. Pure but for hashing. */
import { AppError } from "@cyxwiz/primitives";
import {
  checkGraph,
  costOf,
  inferShapes,
  openGraphFile,
  writeCyxwiz,
  type DatasetTarget,
  type GraphProblem,
} from "@cyxwiz/graph";
import type { JobNeeds } from "@cyxwiz/market";
import type { DatasetDescriptorBody, Quote, QuoteRequest } from "@cyxwiz/protocol/rest";
import { MAX_CHECKPOINTS, MAX_PROBLEMS_LISTED, RUNTIME_MEMORY_BYTES } from "./limits.ts";
import { QUOTE_ERRORS } from "./quote-errors.ts";
import type { QuotedSettings } from "./quote-record.ts";

export interface JobPlan {
  readonly name: string;
  /** The graph as a `.cyxwiz` document, whatever it came as. */
  readonly graph: string;
  readonly settings: QuotedSettings;
  readonly totalSteps: number;
  readonly needs: JobNeeds;
  readonly cost: Quote["cost"];
}

/**
 * Total steps = ⌊train samples ÷ batch⌋ × epochs: the last, smaller batch of an epoch is left out.
 *
 * @throws AppError the errors of `openGraphFile`; `central/graph-malformed` with every problem;
 * `central/batch-size-out-of-range`.
 */
export function planJob(request: QuoteRequest, { checkpoints }: { readonly checkpoints: number }): JobPlan {
  const { dataset, settings } = request;
  const { graph } = openGraphFile(request.graph);
  const stepsPerEpoch = Math.floor(dataset.train_samples / settings.batch_size);
  if (stepsPerEpoch === 0) {
    const context = { batchSize: settings.batch_size, trainSamples: dataset.train_samples };
    throw new AppError(QUOTE_ERRORS.BATCH_TOO_LARGE, context);
  }
  const problems = checkGraph(graph, { sampleShape: dataset.sample_shape, ...targetOf(dataset) });
  const shaped = inferShapes(graph, dataset.sample_shape);
  const errors = problems.filter((problem) => problem.severity === "error");
  if (shaped.kind === "invalid" || errors.length > 0) throw graphWrong(errors);
  const cost = costOf(shaped, settings.batch_size);
  const totalSteps = stepsPerEpoch * settings.epochs;
  const trainFlops = cost.trainFlopsPerSample * settings.batch_size * totalSteps;
  const peakMemoryBytes = cost.peakTrainingBytes + RUNTIME_MEMORY_BYTES;
  return {
    name: graph.name,
    graph: writeCyxwiz(graph),
    settings: {
      batch_size: settings.batch_size,
      epochs: settings.epochs,
      learning_rate: settings.learning_rate ?? null,
      checkpoint_every_steps: checkpointInterval(totalSteps, checkpoints, settings.checkpoint_every_steps),
    },
    totalSteps,
    needs: { trainFlops, peakMemoryBytes, datasetBytes: dataset.size_bytes, device: request.requirements.device },
    cost: {
      parameters: cost.parameterCount,
      train_flops: trainFlops,
      peak_memory_bytes: peakMemoryBytes,
      dataset_bytes: dataset.size_bytes,
      checkpoint_bytes: cost.checkpointBytes,
    },
  };
}

function targetOf(dataset: DatasetDescriptorBody): DatasetTarget {
  return dataset.classes > 0 ? { classes: dataset.classes } : { targetShape: dataset.target_shape };
}

/**
 * The asked interval within what is allowed. The market's own is the longest: only committed steps are paid, so a user who
 * put checkpoints off could train for nothing. The shortest leaves a chain that a receipt can hold.
 */
function checkpointInterval(totalSteps: number, checkpoints: number, asked: number | undefined): number {
  const longest = Math.max(1, Math.ceil(totalSteps / checkpoints));
  const shortest = Math.ceil(totalSteps / MAX_CHECKPOINTS);
  return Math.max(Math.min(asked ?? longest, longest), shortest);
}

function graphWrong(problems: readonly GraphProblem[]): AppError {
  return new AppError(QUOTE_ERRORS.GRAPH_WRONG, {
    problems: problems
      .slice(0, MAX_PROBLEMS_LISTED)
      .map(({ nodeName, message, fix }) => ({ node: nodeName, message, fix })),
  });
}
