import { z } from "zod";
import { amountSchema, textSchema, timeSchema, uuidSchema } from "./shared-schemas.ts";

const text = textSchema(200);
const count = z.number().int().min(0).max(1_000_000_000);

const cpuSchema = z.object({
  device_id: z.number().int().min(0).max(255),
  name: text,
  cores: z.number().int().min(1).max(4096),
  threads: z.number().int().min(1).max(8192).optional(),
  base_clock_mhz: count.optional(),
  boost_clock_mhz: count.optional(),
});

const gpuSchema = z.object({
  device_id: z.number().int().min(0).max(255),
  name: text,
  vendor: z.enum(["nvidia", "amd", "intel"]),
  vram_mb: count,
  driver_version: text.optional(),
  compute_capability: text.optional(),
  is_integrated: z.boolean().optional(),
});

export const hardwareSchema = z.object({
  cpus: z.array(cpuSchema).max(16),
  gpus: z.array(gpuSchema).max(64),
  ram_total_gb: z.number().min(0).max(65_536),
  storage_total_gb: z.number().min(0).max(10_000_000),
});
export type Hardware = z.infer<typeof hardwareSchema>;

export const allocationSchema = z.object({
  vram_allocated_mb: count.optional(),
  vram_reserved_mb: count.optional(),
  cores_allocated: z.number().int().min(1).max(4096).optional(),
  cores_reserved: z.number().int().min(0).max(4096).optional(),
  memory_allocated_mb: count.optional().describe("Main memory that a job on this unit may use"),
  priority: z.enum(["low", "normal", "high"]).default("normal"),
  max_power_percent: z.number().int().min(1).max(100).optional(),
  max_power_watts: z.number().min(1).max(100_000).optional(),
});
export type Allocation = z.infer<typeof allocationSchema>;

/** What the node measured on the device itself; quotes use this, not the device's label. */
export const benchmarkSchema = z.object({
  train_flops_per_second: z.number().positive().max(1e18),
  lowering: text.describe("The compiler's way of lowering that was measured"),
  build: text.describe("Trainer build, like ort-node-1.30.0"),
  hardware_class: text,
});

export const unitRequestSchema = z.object({
  device_type: z.enum(["cpu", "gpu"]),
  device_id: z.number().int().min(0).max(255),
  allocation: allocationSchema,
  price_per_hour: amountSchema.optional().describe("The owner's price; the network's default when absent"),
  benchmark: benchmarkSchema.optional(),
});

export const registerNodeRequestSchema = z.object({
  machine_id: uuidSchema.describe("UUIDv5 of the node's public key"),
  public_key: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "expected 32 bytes of an Ed25519 public key in lower-case hex")
    .describe("The node's Ed25519 public key"),
  proof: z
    .string()
    .regex(/^[0-9a-f]{128}$/, "expected an Ed25519 signature in lower-case hex")
    .describe("Signature over `cyxwiz-register:<machine_id>:<owner user id>`: shows that the caller holds the key"),
  name: textSchema(80).min(1).optional(),
  hostname: textSchema(253).min(1),
  os: text,
  ip_address: textSchema(45),
  port: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("Port of the node's own services, if it can be dialled"),
  region: textSchema(64).optional(),
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe("SHA-256 over the machine's hardware; a hint beside the key"),
  version: text.optional(),
  hardware: hardwareSchema,
  compute_units: z.array(unitRequestSchema).max(80),
});
export type RegisterNodeBody = z.infer<typeof registerNodeRequestSchema>;

export const UNIT_STATUSES = ["not_shared", "inactive", "registering", "active", "paused", "offline", "error"] as const;

export const registerNodeResponseSchema = z.object({
  success: z.literal(true),
  machine_id: uuidSchema,
  node_id: uuidSchema,
  api_key: z.string().describe("Key of this node; shown once, stored hashed"),
  compute_units: z.array(
    z.object({
      unit_id: z.string(),
      device_type: z.enum(["cpu", "gpu"]),
      device_id: z.number().int(),
      status: z.enum(UNIT_STATUSES),
    }),
  ),
});
export type RegisterNodeAnswer = z.infer<typeof registerNodeResponseSchema>;

export const heartbeatRequestSchema = z.object({
  timestamp: timeSchema.optional(),
  compute_units: z
    .array(
      z.object({
        unit_id: z.string(),
        status: z.enum(UNIT_STATUSES),
        current_load_percent: z.number().min(0).max(100).default(0),
        current_task_id: z.string().max(64).nullish(),
        temperature_celsius: z.number().min(-50).max(200).nullish(),
        power_draw_watts: z.number().min(0).max(100_000).nullish(),
        vram_used_mb: count.nullish(),
      }),
    )
    .max(80)
    .default([]),
});

export const heartbeatResponseSchema = z.object({
  success: z.literal(true),
  commands: z.array(z.object({ kind: z.string(), unit_id: z.string().optional(), reason: z.string().optional() })),
});

/** What calibration showed of a unit. Quotes use it, not what the node said of itself. */
const calibrationSchema = z.object({
  challenged_at: timeSchema.nullable().describe("null: never challenged yet"),
  curve: z
    .array(z.object({ size: z.number().int(), gflops: z.number() }))
    .describe("Measured speed of products of square matrices of `size` rows, in 10⁹ operations a second"),
});

export const publicNodeSchema = z.object({
  node_id: uuidSchema,
  name: z.string(),
  status: z.enum(["online", "offline", "maintenance"]),
  region: z.string().nullable(),
  reputation: z.number().min(0).max(100),
  jobs_completed: z.number().int(),
  devices: z.array(
    z.object({
      unit_id: z.string(),
      device_type: z.enum(["cpu", "gpu"]),
      name: z.string(),
      status: z.enum(UNIT_STATUSES),
      cores: z.number().int().nullable(),
      vram_mb: z.number().nullable(),
      price_per_hour: amountSchema,
      train_gflops: z
        .number()
        .nullable()
        .describe("Training speed that quotes use, in 10⁹ floating-point operations a second"),
      hardware_class: z.string().nullable(),
      calibration: calibrationSchema,
    }),
  ),
});
export type PublicNode = z.infer<typeof publicNodeSchema>;

export const publicNodesSchema = z.object({ nodes: z.array(publicNodeSchema) });

/** Why a node's reputation is what it is: every change with its evidence, newest first. */
export const reputationSchema = z.object({
  node_id: uuidSchema,
  reputation: z.number().min(0).max(100),
  changes: z.array(
    z.object({
      at: timeSchema,
      cause: z.string(),
      before: z.number(),
      after: z.number(),
      evidence: z.record(z.string(), z.unknown()),
    }),
  ),
  penalties: z.array(
    z.object({
      at: timeSchema,
      cause: z.string(),
      percent: z.number().int(),
      is_ban: z.boolean(),
      is_applied: z.boolean().describe("false: shadow mode, recorded and shown but not taken"),
      evidence: z.record(z.string(), z.unknown()),
    }),
  ),
});

const ownedUnitSchema = z.object({
  unit_id: z.string(),
  status: z.enum(UNIT_STATUSES),
  status_reason: z
    .string()
    .nullable()
    .describe("Why it is in this state, where there is more to say than the state does"),
  vram_allocated_mb: z.number().nullable(),
  cores_allocated: z.number().nullable(),
  current_load_percent: z.number(),
  current_task_id: z.string().nullable(),
  price_per_hour: amountSchema,
  earnings_today: z.number(),
  total_earnings: z.number(),
  earnings_today_exact: amountSchema,
  total_earnings_exact: amountSchema,
});

export const userDevicesSchema = z.object({
  machines: z.array(
    z.object({
      machine_id: uuidSchema,
      name: z.string(),
      hostname: z.string(),
      os: z.string(),
      status: z.enum(["online", "offline", "maintenance"]),
      last_seen: timeSchema.nullable(),
      shared_fingerprint_with: z.array(uuidSchema).describe("Other nodes online with the same hardware fingerprint"),
      hardware: z.object({
        cpus: z.array(cpuSchema.extend({ is_shared: z.boolean(), compute_unit: ownedUnitSchema.optional() })),
        gpus: z.array(gpuSchema.extend({ is_shared: z.boolean(), compute_unit: ownedUnitSchema.optional() })),
        ram_total_gb: z.number(),
        storage_total_gb: z.number(),
      }),
    }),
  ),
  summary: z.object({
    total_machines: z.number().int(),
    online_machines: z.number().int(),
    active_gpus: z.number().int(),
    active_cpus: z.number().int(),
    total_earnings: z.number(),
    earnings_today: z.number(),
    total_earnings_exact: amountSchema,
    earnings_today_exact: amountSchema,
  }),
});
export type UserDevices = z.infer<typeof userDevicesSchema>;
