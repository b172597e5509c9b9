/**
 * Every key of the configuration: its form, its default, the environment variable that overrides it, and the words that
 * say what is allowed. One table, so that parsing, messages and documentation cannot drift apart.
 *
 * The key names are the documents' own (`[node] name`, `[devices] gpu_ids` …).
 */
import { LOG_LEVELS } from "@cyxwiz/platform";
import { z } from "zod";
import { CONCURRENT_JOBS } from "../limits.ts";

export interface ConfigKey {
  readonly schema: z.ZodType;
  /** Completes "allowed is …". */
  readonly allowed: string;
  /** The variable that overrides the file, and how its text is read. */
  readonly env?: string;
  /** Never shown in a message. */
  readonly secret?: boolean;
}

const port = z.number().int().min(1).max(65_535);
const seconds = z.number().min(1).max(3_600);
const text = (max: number): z.ZodType => z.string().trim().min(1).max(max);
const megabytes = z.number().int().min(1).max(1_000_000_000);
const price = z.string().regex(/^\d{1,10}(\.\d{1,9})?$/);
const PRICE = 'an amount of CYXWIZ in quotes with at most 9 decimals, like "0.25"';
const MEGABYTES = "a whole number of megabytes, at least 1";

export const CONFIG_KEYS: Readonly<Record<string, ConfigKey>> = {
  "node.name": { schema: text(80), allowed: "a name of 1 to 80 characters", env: "CYXWIZ_NODE_NAME" },
  "node.max_concurrent_jobs": {
    schema: z.number().int().min(1).max(CONCURRENT_JOBS),
    allowed: `a whole number from 1 to ${CONCURRENT_JOBS}`,
  },
  "node.data_dir": { schema: text(4_096), allowed: "a folder, like ~/.cyxwiz/server-node", env: "CYXWIZ_DATA_DIR" },
  "node.region": { schema: text(64), allowed: "a name of 1 to 64 characters, like eu-west", env: "CYXWIZ_REGION" },

  "central_server.address": {
    schema: z.string().regex(/^(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/),
    allowed: "host:port of the gRPC server, like localhost:50051",
    env: "CYXWIZ_CENTRAL_SERVER",
  },
  "central_server.api_url": {
    schema: z.url({ protocol: /^https?$/ }),
    allowed: "an http or https address, like http://localhost:8080",
    env: "CYXWIZ_API_URL",
  },
  "central_server.heartbeat_interval_seconds": {
    schema: seconds,
    allowed: "1 to 3600 seconds (the network expects 10)",
  },
  "central_server.reconnect_delay_seconds": { schema: seconds, allowed: "1 to 3600 seconds" },

  "devices.gpu_ids": {
    schema: z.array(z.number().int().min(0).max(255)).max(64),
    allowed: "a list of GPU numbers, like [0, 1]; [] means all",
  },
  "devices.share_gpu": { schema: z.boolean(), allowed: "true or false" },
  "devices.max_gpu_memory_mb": { schema: megabytes, allowed: MEGABYTES },
  "devices.share_cpu": { schema: z.boolean(), allowed: "true or false" },
  "devices.cpu_cores": { schema: z.number().int().min(1).max(4_096), allowed: "a whole number from 1 to 4096" },
  "devices.cpu_memory_mb": { schema: megabytes, allowed: MEGABYTES },
  "devices.priority": { schema: z.enum(["low", "normal", "high"]), allowed: '"low", "normal" or "high"' },
  "devices.max_power_percent": { schema: z.number().int().min(1).max(100), allowed: "a whole number from 1 to 100" },
  "devices.price_per_hour.cpu": { schema: price, allowed: PRICE },
  "devices.price_per_hour.gpu": { schema: price, allowed: PRICE },

  "api.enabled": { schema: z.boolean(), allowed: "true or false" },
  "api.port": { schema: port, allowed: "a port from 1 to 65535" },
  "api.max_concurrent_requests": {
    schema: z.number().int().min(1).max(10_000),
    allowed: "a whole number from 1 to 10000",
  },
  "api.rate_limit_per_minute": { schema: z.number().int().min(1), allowed: "a whole number, at least 1" },
  "api.tls.enabled": { schema: z.boolean(), allowed: "true or false" },
  "api.tls.cert_path": { schema: text(4_096), allowed: "the path of a PEM file" },
  "api.tls.key_path": { schema: text(4_096), allowed: "the path of a PEM file" },

  "logging.level": {
    schema: z.enum(LOG_LEVELS),
    allowed: LOG_LEVELS.map((level) => `"${level}"`).join(", "),
    env: "CYXWIZ_LOG_LEVEL",
  },
  "logging.file": { schema: text(4_096), allowed: "the path of a file", env: "CYXWIZ_LOG_FILE" },

  "account.token": { schema: text(4_096), allowed: "the owner's token as one line", env: "CYXWIZ_TOKEN", secret: true },
  "account.token_file": {
    schema: text(4_096),
    allowed: "the path of a file that holds the owner's token",
    env: "CYXWIZ_TOKEN_FILE",
  },
};
