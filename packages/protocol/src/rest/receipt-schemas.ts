import { RERUN_OUTCOMES, VERDICTS, type SignedReceipt } from "@cyxwiz/receipt";
import { z } from "zod";
import { amountSchema, cidSchema, timeSchema, uuidSchema } from "./shared-schemas.ts";

const step = z.number().int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const name = z.string().max(200);

const chainEntrySchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("run"),
    job_id: uuidSchema,
    graph_sha256: hash,
    dataset_cid: cidSchema,
    seed: z.string().regex(/^\d{1,20}$/),
    batch_size: z.number().int().min(1),
    epochs: z.number().int().min(1),
    learning_rate: z.number().nullable(),
    checkpoint_every_steps: z.number().int().min(1),
    total_steps: z.number().int().min(1),
    initial_sha256: hash,
  }),
  z.object({
    kind: z.literal("segment"),
    from_step: step,
    node_id: uuidSchema,
    lowering: name,
    build: name,
    hardware_class: name,
    threads: z.number().int().min(1),
  }),
  z.object({ kind: z.literal("checkpoint"), step, cid: cidSchema, sha256: hash, size_bytes: z.number().int().min(1) }),
  z.object({
    kind: z.literal("change"),
    change_id: uuidSchema,
    step,
    learning_rate: z.number().nullable(),
    batch_size: z.number().int().min(1).nullable(),
    stop: z.boolean(),
    signature: name,
  }),
  z.object({ kind: z.literal("result"), step, onnx_sha256: hash, weights_sha256: hash }),
]);

const artifactSchema = z.object({ cid: cidSchema, sha256: hash, size_bytes: z.number().int().min(0) });

/** A receipt as it is downloaded; its signature is over the canonical JSON of `receipt`. */
export const signedReceiptSchema: z.ZodType<SignedReceipt> = z.object({
  receipt: z.object({
    format: z.literal("cyxwiz-receipt"),
    version: z.literal(1),
    network: name,
    job_id: uuidSchema,
    name: z.string(),
    issued_at: timeSchema,
    outcome: z.enum(["completed", "cancelled", "failed-by-job"]),
    chain: z.array(chainEntrySchema).min(1),
    root: hash,
    result: z.object({ onnx: artifactSchema.nullable(), weights: artifactSchema.nullable() }),
    verification: z.object({
      verdict: z.enum(VERDICTS),
      interval: z.object({ from: step, to: step }).nullable(),
      reruns: z.array(
        z.object({
          node_id: uuidSchema,
          is_platform: z.boolean(),
          lowering: name,
          build: name,
          hardware_class: name,
          outcome: z.enum(RERUN_OUTCOMES),
          distance: z.number().nullable(),
          paid: amountSchema,
        }),
      ),
      paid: amountSchema,
    }),
    payment: z.object({
      rail: z.enum(["ledger", "solana"]),
      simulated: z.boolean(),
      quoted: amountSchema,
      due: amountSchema,
      owners: z.array(z.object({ node_id: uuidSchema, unit_id: z.string(), amount: amountSchema })),
      platform: amountSchema,
      refunded: amountSchema,
    }),
  }),
  signature: z.object({
    algorithm: z.literal("ed25519"),
    key_id: z.string().regex(/^[0-9a-f]{16}$/),
    value: z.string().max(200),
  }),
});

export const receiptKeysSchema = z.object({
  network: z.string().describe("Name of this market; receipts of another one are refused"),
  keys: z.array(
    z.object({
      key_id: z.string(),
      network: z.string(),
      algorithm: z.literal("ed25519"),
      public_key: z.string().describe("SPKI, PEM"),
    }),
  ),
});
export type ReceiptKeys = z.infer<typeof receiptKeysSchema>;
