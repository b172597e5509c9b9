import { JOB_STATES } from "@cyxwiz/market";
import { RERUN_OUTCOMES, VERDICTS } from "@cyxwiz/receipt";
import { z } from "zod";
import { amountSchema, cidSchema, textSchema, timeSchema, uuidSchema } from "./shared-schemas.ts";

export { JOB_STATES };

export const datasetDescriptorSchema = z.object({
  cid: cidSchema,
  size_bytes: z.number().int().min(1).max(1e13),
  train_samples: z.number().int().min(1).max(1e10),
  test_samples: z.number().int().min(0).max(1e10),
  sample_shape: z.array(z.number().int().min(1).max(1e6)).min(1).max(4),
  classes: z.number().int().min(0).max(1e6).describe("0 for regression"),
  target_shape: z.array(z.number().int().min(1).max(1e6)).max(4).default([]),
});
export type DatasetDescriptorBody = z.infer<typeof datasetDescriptorSchema>;

export const trainingSettingsSchema = z.object({
  batch_size: z.number().int().min(1).max(65_536),
  epochs: z.number().int().min(1).max(100_000),
  learning_rate: z.number().positive().max(100).optional().describe("The optimizer's own rate when absent"),
  checkpoint_every_steps: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe("More often than the market's own interval, never less often: only committed steps are paid"),
  seed: z
    .string()
    .regex(/^\d{1,20}$/, "expected an unsigned 64-bit integer as a decimal string")
    .refine((text) => BigInt(text) < 2n ** 64n, "expected at most 2^64 − 1")
    .optional()
    .describe("Drawn by the server when absent"),
});
export type TrainingSettingsBody = z.infer<typeof trainingSettingsSchema>;

export const quoteRequestSchema = z.object({
  graph: z.string().min(2).max(4_000_000).describe("The graph as a .cyxwiz document"),
  dataset: datasetDescriptorSchema,
  settings: trainingSettingsSchema,
  requirements: z
    .object({
      device: z.enum(["any", "cpu", "gpu"]).default("any"),
      max_price: amountSchema.optional().describe("No quote above this"),
      min_reputation: z.number().min(0).max(100).optional(),
      node_id: uuidSchema.optional(),
      verification: z
        .enum(["required", "none"])
        .default("required")
        .describe("none: also nodes that commit no checkpoints; the result is then of class unverified"),
    })
    .default({ device: "any", verification: "required" }),
});
export type QuoteRequest = z.infer<typeof quoteRequestSchema>;

const unitOfferSchema = z.object({
  unit_id: z.string(),
  node_id: uuidSchema,
  node_name: z.string(),
  device: z.string(),
  cost: amountSchema,
  seconds_expected: z.number(),
  seconds_at_most: z.number(),
  score: z.number(),
  breakdown: z.record(z.string(), z.number()).describe("The terms that the score adds up"),
});

export const quoteSchema = z.object({
  quote_id: uuidSchema,
  amount: amountSchema.describe("What escrow locks: the most that this job can cost"),
  expires_at: timeSchema,
  seed: z.string(),
  total_steps: z.number().int(),
  cost: z.object({
    parameters: z.number().int(),
    train_flops: z.number(),
    peak_memory_bytes: z.number(),
    dataset_bytes: z.number(),
    checkpoint_bytes: z.number(),
  }),
  best: unitOfferSchema,
  alternatives: z.array(unitOfferSchema),
  not_fitting: z.array(z.object({ filter: z.string(), units: z.number().int(), message: z.string() })),
  signature: z
    .string()
    .describe("Compact JWS (EdDSA) of the server over quote id, amount, graph hash, data CID and expiry"),
});
export type Quote = z.infer<typeof quoteSchema>;

export const submitJobRequestSchema = z.object({
  quote_id: uuidSchema,
  job_id: uuidSchema.optional().describe("Chosen by the caller to make the call repeatable; drawn when absent"),
});

export const paymentSchema = z.object({
  escrow_state: z.enum(["NONE", "LOCKED", "SETTLING", "SETTLED"]),
  quoted: amountSchema,
  owner: amountSchema,
  platform: amountSchema,
  refunded: amountSchema,
  shares: z.array(z.object({ node_id: uuidSchema, unit_id: z.string(), amount: amountSchema })),
});

const verificationSchema = z.object({
  verdict: z
    .enum(["pending", ...VERDICTS])
    .describe("pending until the result was re-run; unverified where nobody could re-run it"),
  interval: z
    .object({ from: z.number().int(), to: z.number().int() })
    .nullable()
    .describe("The steps that were drawn to be re-run, after everything was committed"),
  reruns: z.array(
    z.object({
      node_id: uuidSchema,
      node_name: z.string(),
      is_platform: z.boolean(),
      outcome: z.enum(RERUN_OUTCOMES).nullable().describe("null while it runs, or when it ended without an answer"),
      distance: z.number().nullable(),
      paid: amountSchema,
    }),
  ),
  paid: amountSchema.describe("What of the platform's part went to those who re-ran"),
});

const changeSchema = z.object({
  change_id: uuidSchema,
  learning_rate: z.number().nullable(),
  batch_size: z.number().int().nullable(),
  stop: z.boolean(),
  requested_at: timeSchema,
  applied_step: z.number().int().nullable().describe("null until the node applied it"),
});

export const jobSchema = z.object({
  job_id: uuidSchema,
  name: z.string(),
  state: z.enum(JOB_STATES),
  created_at: timeSchema,
  started_at: timeSchema.nullable(),
  ended_at: timeSchema.nullable(),
  progress: z.number().min(0).max(1),
  step: z.number().int(),
  total_steps: z.number().int(),
  epoch: z.number().int(),
  total_epochs: z.number().int(),
  loss: z.number().nullable(),
  accuracy: z.number().nullable(),
  samples_per_second: z.number().nullable(),
  seconds_left: z.number().nullable(),
  metrics: z.record(z.string(), z.number()),
  node: z.object({ node_id: uuidSchema, name: z.string(), unit_id: z.string(), device: z.string() }).nullable(),
  payment: paymentSchema,
  verification: verificationSchema,
  seed: z.string(),
  failure: z.object({ blame: z.enum(["job", "node", "server"]), code: z.string(), message: z.string() }).nullable(),
  waiting_because: z.string().nullable().describe("Why a queued job has no node yet"),
  files: z.object({
    onnx: z.object({ cid: cidSchema, size_bytes: z.number(), sha256: z.string() }).nullable(),
    weights: z.object({ cid: cidSchema, size_bytes: z.number(), sha256: z.string() }).nullable(),
  }),
  placement: z
    .object({
      score: z.number(),
      breakdown: z.record(z.string(), z.number()),
      runners_up: z.array(
        z.object({
          node_name: z.string(),
          unit_id: z.string(),
          score: z.number(),
          breakdown: z.record(z.string(), z.number()),
        }),
      ),
      other_offers: z.array(
        z.object({
          node_name: z.string(),
          unit_id: z.string(),
          cost: amountSchema,
          seconds_expected: z.number(),
          score: z.number(),
        }),
      ),
    })
    .nullable()
    .describe("Why this node: its score, the next best at that moment, and what the others had offered for the quote"),
  checkpoints: z.array(
    z.object({ step: z.number().int(), cid: cidSchema, sha256: z.string(), size_bytes: z.number() }),
  ),
  changes: z.array(changeSchema).describe("What the user changed while it ran"),
  has_receipt: z.boolean().describe("Whether GET /api/jobs/{id}/receipt has one: from the end of a checked job on"),
  events: z.array(z.object({ at: timeSchema, kind: z.string(), message: z.string() })),
});
export type Job = z.infer<typeof jobSchema>;

export const jobListSchema = z.object({
  jobs: z.array(jobSchema.omit({ events: true, checkpoints: true, placement: true, changes: true })),
  next_cursor: z.string().nullable(),
});

export const lossCurveSchema = z.object({
  points: z.array(
    z.object({
      step: z.number().int(),
      loss: z.number(),
      accuracy: z.number().nullable(),
      test_accuracy: z.number().nullable(),
    }),
  ),
});

export const cancelJobRequestSchema = z.object({
  reason: textSchema(500).optional(),
  keep_model: z.boolean().default(false).describe("Keep what was trained so far; committed steps are paid either way"),
});

/** What a user may change while a job runs. */
export const changeJobRequestSchema = z
  .object({
    learning_rate: z.number().positive().max(100).optional(),
    batch_size: z
      .number()
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .describe("A divisor of the job's batch: a step keeps its samples and its price, in several updates"),
    stop: z.literal(true).optional().describe("End now with the model as it is; committed steps are paid"),
  })
  .refine((body) => Object.values(body).some((value) => value !== undefined), {
    message: "expected at least one of learning_rate, batch_size and stop",
  });
export type ChangeJobRequest = z.infer<typeof changeJobRequestSchema>;
