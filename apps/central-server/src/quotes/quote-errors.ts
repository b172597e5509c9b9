import type { ErrorSpec } from "@cyxwiz/primitives";

/** One thing that is wrong with a graph, and what to do about it. */
export interface QuotedProblem {
  readonly node: string;
  readonly message: string;
  readonly fix: string;
}

export const QUOTE_ERRORS: {
  readonly GRAPH_WRONG: ErrorSpec<{ problems: readonly QuotedProblem[] }>;
  readonly DATASET_NOT_FOUND: ErrorSpec<{ cid: string }>;
  readonly DATASET_SIZE_MISMATCH: ErrorSpec<{ cid: string; said: number; stored: string }>;
  readonly BATCH_TOO_LARGE: ErrorSpec<{ batchSize: number; trainSamples: number }>;
  readonly NO_UNIT_FITS: ErrorSpec<{ reasons: readonly UnfitReason[]; advice: string }>;
  readonly PRICE_OVER_CEILING: ErrorSpec<{ ceiling: string; lowest: string }>;
  readonly QUOTE_NOT_FOUND: ErrorSpec<{ quoteId: string }>;
  readonly QUOTE_EXPIRED: ErrorSpec<{ quoteId: string; expiredAt: string }>;
} = {
  GRAPH_WRONG: {
    code: "central/graph-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: ({ problems: [first, ...others] }) => {
      const rest = others.length === 0 ? "" : ` (and ${others.length} more, see details.problems)`;
      return `the graph cannot be trained on this dataset: ${first?.message}; ${first?.fix}${rest}`;
    },
  },
  DATASET_NOT_FOUND: {
    code: "central/dataset-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `there is no dataset ${c.cid} that you may read: upload it with POST /api/objects first`,
  },
  DATASET_SIZE_MISMATCH: {
    code: "central/dataset-size-mismatch",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `dataset.size_bytes is ${c.said}, but ${c.cid} has ${c.stored} bytes: send what the upload answered`,
  },
  BATCH_TOO_LARGE: {
    code: "central/batch-size-out-of-range",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `settings.batch_size is ${c.batchSize}, but the dataset has ${c.trainSamples} training samples: allowed is 1 to ${c.trainSamples}`,
  },
  NO_UNIT_FITS: {
    code: "central/no-unit-fits",
    rpc: "failed-precondition",
    retry: "backoff",
    message: (c) =>
      `no compute unit fits this job: ${c.reasons.map((reason) => reason.message).join("; ") || "none is registered"}. What would help: ${c.advice}`,
  },
  PRICE_OVER_CEILING: {
    code: "central/price-over-ceiling",
    rpc: "failed-precondition",
    retry: "backoff",
    message: (c) =>
      `the job costs at least ${c.lowest} CYXWIZ now and the ceiling is ${c.ceiling}: raise it, or train fewer epochs`,
  },
  QUOTE_NOT_FOUND: {
    code: "central/quote-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `you have no quote ${c.quoteId}: ask for one with POST /api/quotes`,
  },
  QUOTE_EXPIRED: {
    code: "central/quote-expired",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the quote ${c.quoteId} expired at ${c.expiredAt}; nothing was locked. Ask for a new one with POST /api/quotes`,
  },
};

/** How many units one filter took out. */
export interface UnfitReason {
  readonly filter: string;
  readonly units: number;
  readonly message: string;
}
