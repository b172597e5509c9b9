import { z } from "zod";
import { amountSchema, timeSchema } from "./shared-schemas.ts";

export const walletSchema = z.object({
  balance: amountSchema,
  locked: amountSchema.describe("In escrow for running jobs"),
  earned: amountSchema.describe("Owner shares received, in all"),
  rail: z.enum(["ledger", "solana"]),
  simulated: z.boolean().describe("True where the tokens are test tokens of the ledger rail"),
});
export type Wallet = z.infer<typeof walletSchema>;

export const faucetRequestSchema = z.object({ amount: amountSchema });

export const walletHistorySchema = z.object({
  entries: z.array(
    z.object({
      id: z.string(),
      at: timeSchema,
      kind: z
        .string()
        .describe(
          "faucet, lock, owner-share, reward (for checking a job), refund, or own-job where payer and owner are one",
        ),
      amount: z.string().describe("CYXWIZ, negative when it left the wallet"),
      balance: amountSchema,
      job_id: z.string().nullable(),
      memo: z.string(),
    }),
  ),
  next_cursor: z.string().nullable(),
});
export type WalletHistory = z.infer<typeof walletHistorySchema>;
