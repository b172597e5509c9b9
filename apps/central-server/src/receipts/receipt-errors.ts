import type { ErrorSpec } from "@cyxwiz/primitives";

export const RECEIPT_SERVICE_ERRORS: {
  readonly RECEIPT_NOT_FOUND: ErrorSpec<{ jobId: string; state: string }>;
} = {
  RECEIPT_NOT_FOUND: {
    code: "central/receipt-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) =>
      `job ${c.jobId} has no receipt: it is ${c.state}, and only a job that ended with a checkpoint chain has one`,
  },
};
