import { statfs } from "node:fs/promises";
import { hostname, networkInterfaces, release, totalmem, type } from "node:os";
import { detectCpu } from "./cpu.ts";
import type { DetectedHardware } from "./detected-hardware.ts";
import { readFingerprint } from "./fingerprint.ts";
import { detectNvidia } from "./nvidia-smi.ts";

export interface DetectOptions {
  /** The disk that counts is the one of this folder. It exists. */
  readonly dataDir: string;
  readonly nvidiaSmi?: string;
  readonly signal?: AbortSignal;
}

/** Looks at the machine once. Reads files and runs `nvidia-smi`; changes nothing. Cost: up to 5 s with a broken driver. */
export async function detectHardware(options: DetectOptions): Promise<DetectedHardware> {
  const [cpu, nvidia, disk] = await Promise.all([
    detectCpu(),
    detectNvidia(options.nvidiaSmi, options.signal),
    statfs(options.dataDir),
  ]);
  const fingerprint = await readFingerprint(nvidia.gpus);
  return {
    hostname: hostname(),
    os: `${type()} ${release()}`,
    ipAddress: localAddress(),
    cpu,
    gpus: nvidia.gpus,
    ...(nvidia.problem ? { gpuProblem: nvidia.problem } : {}),
    memoryBytes: usableMemory(totalmem(), process.constrainedMemory()),
    storageBytes: disk.blocks * disk.bsize,
    ...(fingerprint ? { fingerprint } : {}),
  };
}

/** The cgroup's limit where there is one; the system reports none as 0 or as more than the machine has. Pure. */
export function usableMemory(machineBytes: number, constrainedBytes: number): number {
  return constrainedBytes > 0 ? Math.min(machineBytes, constrainedBytes) : machineBytes;
}

function localAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const outward = addresses.filter((address) => !address.internal);
  return (outward.find((address) => address.family === "IPv4") ?? outward[0])?.address ?? "127.0.0.1";
}
