import { readFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import type { DetectedCpu } from "./detected-hardware.ts";

const SYSTEM_CPU = "/sys/devices/system/cpu/cpu0/cpufreq";

/** The processors, as Node sees them everywhere, with what Linux adds in its files where they are there. */
export async function detectCpu(): Promise<DetectedCpu> {
  const logical = cpus();
  const first = logical[0];
  const usableThreads = availableParallelism();
  const threads = Math.max(logical.length, usableThreads);
  const base = (await kilohertz(`${SYSTEM_CPU}/base_frequency`)) ?? first?.speed;
  const boost = await kilohertz(`${SYSTEM_CPU}/cpuinfo_max_freq`);
  return {
    deviceId: 0,
    name: first?.model.replaceAll(/\s+/g, " ").trim().slice(0, 200) || process.arch,
    cores: Math.min(threads, physicalCores(await readText("/proc/cpuinfo")) ?? threads),
    threads,
    usableThreads,
    ...(base ? { baseClockMhz: base } : {}),
    ...(boost ? { boostClockMhz: boost } : {}),
  };
}

/** Distinct (package, core) pairs of Linux's `/proc/cpuinfo`; undefined where it does not name them. Pure. */
export function physicalCores(cpuinfo: string): number | undefined {
  const cores = new Set<string>();
  for (const block of cpuinfo.split(/\n\s*\n/)) {
    const core = /^core id\s*:\s*(\d+)/m.exec(block)?.[1];
    if (core !== undefined) cores.add(`${/^physical id\s*:\s*(\d+)/m.exec(block)?.[1] ?? "0"}:${core}`);
  }
  return cores.size || undefined;
}

async function kilohertz(path: string): Promise<number | undefined> {
  const value = Number.parseInt(await readText(path), 10);
  return value > 0 ? Math.round(value / 1_000) : undefined;
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
