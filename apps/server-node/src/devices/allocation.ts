/**
 * What the owner shares, checked against what the machine has.
 *
 * Everything that the file leaves open is decided here: a quarter of the memory and, where there are more than three
 * cores, two of them stay with the owner. Nothing is ever allocated twice: one unit per device.
 */
import { type Amount, AppError } from "@cyxwiz/primitives";
import type { DevicesConfig, Priority } from "../config/node-config.ts";
import { NODE_ERRORS } from "../errors.ts";
import type { DetectedGpu, DetectedHardware } from "../hardware/detected-hardware.ts";

const MIB = 1024 * 1024;
/** VRAM that stays with the system (Full Connection document). */
const VRAM_RESERVED_MB = 2_048;
const CORES_RESERVED = 2;

/** One shared device with its share. */
export interface Allocation {
  readonly deviceType: "cpu" | "gpu";
  readonly deviceId: number;
  readonly deviceName: string;
  /** Threads that work on the unit may use in all. */
  readonly threads: number;
  readonly threadsReserved: number;
  /** Main memory that work on the unit may use in all; of a GPU, its own memory. */
  readonly memoryBytes: number;
  readonly memoryReservedBytes: number;
  readonly priority: Priority;
  readonly maxPowerPercent: number;
  /** The owner's; absent means the network's default. */
  readonly pricePerHour?: Amount;
}

/**
 * Pure. GPUs come first, in the order of their numbers.
 * @throws AppError `node/allocation-invalid`, which names the key, its value, what this machine allows, and the fix.
 */
export function planAllocations(config: DevicesConfig, hardware: DetectedHardware): readonly Allocation[] {
  const gpus = config.shareGpu ? sharedGpus(config, hardware).map((gpu) => gpuAllocation(config, gpu)) : [];
  const allocations = config.shareCpu ? [...gpus, cpuAllocation(config, hardware)] : gpus;
  if (allocations.length > 0) return allocations;
  const gpuState = hardware.gpus.length > 0 ? "share_gpu is false" : "this machine has no usable GPU";
  throw new AppError(NODE_ERRORS.ALLOCATION_INVALID, {
    key: "devices.share_cpu",
    value: "false",
    allowed: `true only, because ${gpuState} and nothing else would be shared`,
    fix: "Share the processor, or a GPU",
  });
}

function sharedGpus(config: DevicesConfig, hardware: DetectedHardware): readonly DetectedGpu[] {
  if (config.gpuIds.length === 0) return hardware.gpus;
  return [...new Set(config.gpuIds)]
    .toSorted((a, b) => a - b)
    .map((id) => {
      const gpu = hardware.gpus.find((candidate) => candidate.deviceId === id);
      if (gpu) return gpu;
      throw new AppError(NODE_ERRORS.ALLOCATION_INVALID, {
        key: "devices.gpu_ids",
        value: `[${config.gpuIds.join(", ")}]`,
        allowed: hardware.gpus.length > 0 ? `numbers of ${hardware.gpus.map((g) => g.deviceId).join(", ")}` : "only []",
        fix: hardware.gpuProblem ?? `There is no GPU ${id}; compare with nvidia-smi -L`,
      });
    });
}

function gpuAllocation(config: DevicesConfig, gpu: DetectedGpu): Allocation {
  const sharedMb = Math.min(
    config.maxGpuMemoryMb ?? Infinity,
    Math.max(gpu.vramMb - VRAM_RESERVED_MB, Math.floor(gpu.vramMb / 2)),
  );
  return {
    ...common(config, config.pricePerHour.gpu),
    deviceType: "gpu",
    deviceId: gpu.deviceId,
    deviceName: gpu.name,
    threads: 1,
    threadsReserved: 0,
    memoryBytes: sharedMb * MIB,
    memoryReservedBytes: (gpu.vramMb - sharedMb) * MIB,
  };
}

function cpuAllocation(config: DevicesConfig, hardware: DetectedHardware): Allocation {
  const { usableThreads, deviceId, name } = hardware.cpu;
  // A second thread of the same core adds little to matrix products, so the default counts cores.
  const cores = Math.min(hardware.cpu.cores, usableThreads);
  const usableMb = Math.floor(hardware.memoryBytes / MIB);
  const threads = config.cpuCores ?? (cores > CORES_RESERVED + 1 ? cores - CORES_RESERVED : cores);
  const memoryMb = config.cpuMemoryMb ?? Math.floor(usableMb * 0.75);
  atMost("devices.cpu_cores", threads, usableThreads, "threads");
  atMost("devices.cpu_memory_mb", memoryMb, usableMb, "MB");
  return {
    ...common(config, config.pricePerHour.cpu),
    deviceType: "cpu",
    deviceId,
    deviceName: name,
    threads,
    threadsReserved: Math.max(0, cores - threads),
    memoryBytes: memoryMb * MIB,
    memoryReservedBytes: (usableMb - memoryMb) * MIB,
  };
}

function common(
  config: DevicesConfig,
  price: Amount | undefined,
): Pick<Allocation, "priority" | "maxPowerPercent" | "pricePerHour"> {
  const { priority, maxPowerPercent } = config;
  return { priority, maxPowerPercent, ...(price === undefined ? {} : { pricePerHour: price }) };
}

function atMost(key: string, value: number, limit: number, what: string): void {
  if (value <= limit) return;
  throw new AppError(NODE_ERRORS.ALLOCATION_INVALID, {
    key,
    value: String(value),
    allowed: `1 to ${limit} ${what}`,
    fix: "Lower it, or leave it out for the default",
  });
}
