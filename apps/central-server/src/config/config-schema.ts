/**
 * The keys of the configuration file, each with what is allowed (shown in errors) and its default.
 *
 * Each key is also the environment variable CYXWIZ_<SECTION>_<KEY> in capitals, which wins over the file.
 */
import { CANCEL_REFUNDS } from "@cyxwiz/market";
import { LOG_LEVELS } from "@cyxwiz/platform";
import { z } from "zod";
import { embeddedFolder } from "../database/open-database.ts";
import type { CentralServerConfig } from "./config.ts";

const address = (fallback: string): z.ZodDefault<z.ZodString> =>
  z
    .string()
    .regex(
      /^(\[[0-9a-fA-F:]+\]|[\w.-]+):([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$/,
    )
    .default(fallback)
    .describe("host:port, like 0.0.0.0:8080; port 0 picks a free one");

const whole = (from: number, to: number, fallback: number): z.ZodDefault<z.ZodNumber> =>
  z.number().int().min(from).max(to).default(fallback).describe(`a whole number from ${from} to ${to}`);

/** Values that stand in examples and tutorials: whoever runs with one has published the secret. */
const PUBLISHED_SECRET = /^(your[-_ ]?secret|change[-_ ]?me|secret|password|default|test|example)/i;

const schema = z.strictObject({
  server: z.strictObject({
    grpc_address: address("0.0.0.0:50051"),
    rest_address: address("0.0.0.0:8080"),
    allowed_origins: z
      .array(z.url({ protocol: /^https?$/ }))
      .max(100)
      .default([])
      .describe('a list of web origins, like ["https://app.example.org"]'),
    data_folder: z.string().min(1).optional().describe("a folder path"),
  }),
  database: z.strictObject({
    url: z
      .string()
      .regex(/^(embedded:.+|postgres(ql)?:\/\/.+)$/)
      .default("embedded:.data/central")
      .describe('"embedded:FOLDER" or "postgresql://user:password@host:port/name"'),
    max_connections: whole(2, 1_000, 10),
  }),
  redis: z.strictObject({
    url: z
      .string()
      .regex(/^(redis|rediss|valkey):\/\/.+$/)
      .optional()
      .describe('"redis://host:port", or leave it out'),
  }),
  blockchain: z.strictObject({
    network: z.literal("ledger").default("ledger").describe('"ledger": simulated payments in the database'),
    solana_rpc_url: z.url().optional().describe("an http(s) address"),
    payer_keypair_path: z.string().optional().describe("a file path"),
    program_id: z.string().optional().describe("a Solana program id"),
  }),
  scheduler: z.strictObject({
    polling_interval_ms: whole(10, 600_000, 5_000),
    max_jobs_per_node: whole(1, 1_000, 5),
    timeout_seconds: whole(30, 604_800, 3_600),
  }),
  jwt: z.strictObject({
    secret: z
      .string()
      .min(32)
      .refine((secret) => !PUBLISHED_SECRET.test(secret))
      .optional()
      .describe("at least 32 characters that nobody else knows, like the output of `openssl rand -base64 48`"),
    p2p_token_expiration_seconds: whole(60, 604_800, 3_600),
  }),
  payments: z.strictObject({
    faucet: z.boolean().default(false).describe("true or false"),
    cancel_refund: z
      .enum(CANCEL_REFUNDS)
      .default("uncommitted")
      .describe(`one of ${CANCEL_REFUNDS.join(", ")}`),
  }),
  verification: z.strictObject({
    enabled: z.boolean().default(true).describe("true or false; false accepts every result as unverified"),
    wait_seconds: whole(0, 86_400, 600),
    audit_percent: whole(0, 100, 10),
    checkpoints: whole(1, 5_000, 50),
    established_successes: whole(0, 1_000, 5),
    canaries_per_day: whole(0, 10_000, 0),
  }),
  logging: z.strictObject({
    level: z
      .enum(LOG_LEVELS)
      .default("info")
      .describe(`one of ${LOG_LEVELS.join(", ")}`),
  }),
});

/** One key as messages and the environment need it. */
export interface ConfigKey {
  readonly section: string;
  readonly key: string;
  readonly environment: string;
  readonly kind: "text" | "number" | "boolean" | "list";
  readonly allowed: string;
}

/** A configuration, or the path of the first value that is not allowed. */
export type ValidatedConfig =
  | { readonly kind: "valid"; readonly config: CentralServerConfig }
  | { readonly kind: "refused"; readonly path: readonly string[] };

/** Checks a whole configuration whose sections are all present. */
export function validateConfig(sections: unknown): ValidatedConfig {
  const result = schema.safeParse(sections);
  if (!result.success) return { kind: "refused", path: (result.error.issues[0]?.path ?? []).map(String) };
  const { server, database, redis, blockchain, scheduler, jwt, payments, verification, logging } = result.data;
  const config: CentralServerConfig = {
    server: {
      grpcAddress: server.grpc_address,
      restAddress: server.rest_address,
      allowedOrigins: server.allowed_origins,
      dataFolder: server.data_folder ?? embeddedFolder(database.url) ?? ".data/central",
    },
    database: { url: database.url, maxConnections: database.max_connections },
    redis: { url: redis.url },
    blockchain: { network: blockchain.network },
    scheduler: {
      pollingIntervalMs: scheduler.polling_interval_ms,
      maxJobsPerNode: scheduler.max_jobs_per_node,
      timeoutSeconds: scheduler.timeout_seconds,
    },
    jwt: { secret: jwt.secret, p2pTokenExpirationSeconds: jwt.p2p_token_expiration_seconds },
    payments: { faucet: payments.faucet, cancelRefund: payments.cancel_refund },
    verification: {
      isEnabled: verification.enabled,
      waitMs: verification.wait_seconds * 1_000,
      checkpoints: verification.checkpoints,
      auditedShare: verification.audit_percent / 100,
      establishedSuccesses: verification.established_successes,
      canariesPerDay: verification.canaries_per_day,
    },
    logging: { level: logging.level },
  };
  return { kind: "valid", config };
}

export const CONFIG_SECTIONS: readonly string[] = Object.keys(schema.shape);

export const CONFIG_KEYS: readonly ConfigKey[] = Object.entries(schema.shape).flatMap(([section, { shape }]) =>
  Object.entries(shape).map(([key, type]: [string, z.ZodType]) => ({
    section,
    key,
    environment: `CYXWIZ_${section}_${key}`.toUpperCase(),
    kind: kindOf(type),
    allowed: type.description ?? "another value",
  })),
);

function kindOf(type: z.ZodType): ConfigKey["kind"] {
  const inner = type instanceof z.ZodDefault || type instanceof z.ZodOptional ? type.unwrap() : type;
  if (inner instanceof z.ZodNumber) return "number";
  if (inner instanceof z.ZodBoolean) return "boolean";
  return inner instanceof z.ZodArray ? "list" : "text";
}
