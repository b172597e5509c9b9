/**
 * The configuration that the node runs with: file, then environment, then defaults.
 *
 * Only form is checked here. Whether a device exists and has what the owner shares is checked against the hardware
 * (`devices/allocation.ts`).
 */
import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { AppError, type Amount, parseAmount } from "@cyxwiz/primitives";
import type { LogLevel } from "@cyxwiz/platform";
import { NODE_ERRORS } from "../errors.ts";
import { flatConfig } from "./flat-config.ts";

export type Priority = "low" | "normal" | "high";

export interface DevicesConfig {
  readonly shareGpu: boolean;
  /** Empty: all. */
  readonly gpuIds: readonly number[];
  readonly maxGpuMemoryMb?: number;
  readonly shareCpu: boolean;
  readonly cpuCores?: number;
  readonly cpuMemoryMb?: number;
  readonly priority: Priority;
  readonly maxPowerPercent: number;
  /** The owner's price; the network's default where absent. */
  readonly pricePerHour: { readonly cpu?: Amount; readonly gpu?: Amount };
}

export interface NodeConfig {
  readonly node: {
    readonly name: string;
    readonly maxConcurrentJobs: number;
    readonly dataDir: string;
    readonly region?: string;
  };
  readonly centralServer: {
    /** host:port of gRPC. */
    readonly address: string;
    /** Base of the REST API, without a slash at the end. */
    readonly apiUrl: string;
    readonly heartbeatIntervalMs: number;
    readonly reconnectDelayMs: number;
  };
  readonly devices: DevicesConfig;
  readonly api: { readonly enabled: boolean; readonly port: number };
  readonly logging: { readonly level: LogLevel; readonly file?: string };
  readonly account: { readonly token?: string; readonly tokenFile?: string };
}

export interface ConfigSource {
  /** How messages call the file, like `config.toml`. */
  readonly source: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Tables as a TOML parser gives them → the configuration. Pure but for the defaults of name and data folder.
 *
 * @throws AppError `node/config-invalid`, which names every key that is wrong, its value, what is allowed and the fix.
 */
export function parseNodeConfig(tables: unknown, { source, env }: ConfigSource): NodeConfig {
  const { values, problems } = flatConfig(tables, env);
  if (problems.length > 0) throw new AppError(NODE_ERRORS.CONFIG_INVALID, { source, problems });
  const read = <T>(key: string): T | undefined => values.get(key) as T | undefined;
  const address = read<string>("central_server.address") ?? "localhost:50051";
  const apiUrl = read<string>("central_server.api_url") ?? `http://${address.slice(0, address.lastIndexOf(":"))}:8080`;
  return {
    node: {
      name: read("node.name") ?? hostname().slice(0, 80),
      maxConcurrentJobs: read("node.max_concurrent_jobs") ?? 3,
      dataDir: folder(read("node.data_dir") ?? join("~", ".cyxwiz", "server-node")),
      ...optional("region", read<string>("node.region")),
    },
    centralServer: {
      address,
      apiUrl: apiUrl.replace(/\/+$/, "").replace(/\/api$/, ""),
      heartbeatIntervalMs: 1_000 * (read<number>("central_server.heartbeat_interval_seconds") ?? 10),
      reconnectDelayMs: 1_000 * (read<number>("central_server.reconnect_delay_seconds") ?? 5),
    },
    devices: devicesConfig(read),
    api: { enabled: read("api.enabled") ?? false, port: read("api.port") ?? 8_000 },
    logging: { level: read("logging.level") ?? "info", ...optional("file", read<string>("logging.file")) },
    account: {
      ...optional("token", read<string>("account.token")),
      ...optional("tokenFile", read<string>("account.token_file")),
    },
  };
}

function devicesConfig(read: <T>(key: string) => T | undefined): DevicesConfig {
  const price = (key: string): Amount | undefined => {
    const text = read<string>(key);
    return text === undefined ? undefined : parseAmount(text);
  };
  return {
    shareGpu: read("devices.share_gpu") ?? true,
    gpuIds: read("devices.gpu_ids") ?? [],
    shareCpu: read("devices.share_cpu") ?? true,
    priority: read("devices.priority") ?? "normal",
    maxPowerPercent: read("devices.max_power_percent") ?? 100,
    ...optional("maxGpuMemoryMb", read<number>("devices.max_gpu_memory_mb")),
    ...optional("cpuCores", read<number>("devices.cpu_cores")),
    ...optional("cpuMemoryMb", read<number>("devices.cpu_memory_mb")),
    pricePerHour: {
      ...optional("cpu", price("devices.price_per_hour.cpu")),
      ...optional("gpu", price("devices.price_per_hour.gpu")),
    },
  };
}

/** A property that is absent when it has no value, as `exactOptionalPropertyTypes` wants it. */
function optional<K extends string, T>(key: K, value: T | undefined): { [key in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: T });
}

function folder(path: string): string {
  return resolve(path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path);
}
