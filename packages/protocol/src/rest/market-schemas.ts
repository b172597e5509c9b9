import { z } from "zod";
import { cidSchema } from "./shared-schemas.ts";

export const healthSchema = z.object({
  status: z.enum(["healthy", "degraded"]),
  version: z.string(),
  components: z.object({ database: z.string(), redis: z.string(), solana: z.string(), scheduler: z.string() }),
  uptime_seconds: z.number(),
});

export const statsSchema = z.object({
  nodes: z.object({ total: z.number().int(), online: z.number().int(), busy: z.number().int() }),
  units: z.object({ total: z.number().int(), active: z.number().int() }),
  jobs: z.object({
    total: z.number().int(),
    pending: z.number().int(),
    running: z.number().int(),
    completed: z.number().int(),
    failed: z.number().int(),
    cancelled: z.number().int(),
  }),
  payments: z.object({ settled: z.string(), locked: z.string() }),
});

export const storedObjectSchema = z.object({ cid: cidSchema, size_bytes: z.number().int() });
