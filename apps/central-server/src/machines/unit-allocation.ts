/**
 * What an owner shares of a machine, checked against the hardware that the machine reported. Pure.
 *
 * A CPU unit shares cores and main memory, a GPU unit shares VRAM. What is not said is filled in: every core that is not
 * reserved, the same part of the main memory, the VRAM without the system's reserve.
 */
import { defaultPricePerHour, type DeviceType } from "@cyxwiz/market";
import { AppError, parseAmount, type Amount } from "@cyxwiz/primitives";
import type { Allocation, Hardware, RegisterNodeBody } from "@cyxwiz/protocol/rest";
import { DEFAULT_VRAM_RESERVED_MB } from "./limits.ts";
import { MACHINE_ERRORS } from "./machine-errors.ts";

export type UnitRequest = RegisterNodeBody["compute_units"][number];

/** One unit as it will be stored. */
export interface SharedUnit {
  readonly deviceType: DeviceType;
  readonly deviceId: number;
  readonly deviceName: string;
  readonly allocation: Allocation;
  /** Of a CPU unit; 0 for a GPU. */
  readonly cores: number;
  /** Bytes that a job on the unit may use. 0: the owner shares nothing of the device. */
  readonly memoryBytes: bigint;
  readonly pricePerHour: Amount;
  readonly benchmark: UnitRequest["benchmark"];
}

const MEBIBYTE = 1_048_576;

/**
 * @throws AppError `central/allocation-exceeded` naming device, asked and available; `central/device-doubled`;
 * `central/price-out-of-range`.
 */
export function sharedUnits(hardware: Hardware, requests: readonly UnitRequest[]): readonly SharedUnit[] {
  const named = new Set<string>();
  for (const request of requests) {
    const name = `${request.device_type} ${request.device_id}`;
    if (named.has(name)) throw new AppError(MACHINE_ERRORS.DEVICE_DOUBLED, { device: name });
    named.add(name);
  }
  const units = requests.map((request) =>
    request.device_type === "cpu" ? cpuUnit(hardware, request) : gpuUnit(hardware, request),
  );
  checkMainMemory(hardware, units);
  return units;
}

function cpuUnit(hardware: Hardware, request: UnitRequest): SharedUnit {
  const { allocation } = request;
  const cpu = hardware.cpus.find((device) => device.device_id === request.device_id);
  if (!cpu) throw missingDevice(request, hardware.cpus);
  const device = `CPU ${cpu.device_id} (${cpu.name})`;
  const reserved = allocation.cores_reserved ?? 0;
  const available = schedulableCores(cpu);
  const cores = allocation.cores_allocated ?? Math.max(0, available - reserved);
  if (cores + reserved > available) {
    throw exceeded(device, `${cores} cores and ${reserved} in reserve`, `${available} cores`);
  }
  const ramMb = hardware.ram_total_gb * 1024;
  const memoryMb = allocation.memory_allocated_mb ?? Math.floor((ramMb * cores) / available);
  if (memoryMb > ramMb) throw exceeded(device, `${memoryMb} MB of main memory`, `${Math.floor(ramMb)} MB`);
  return {
    deviceType: "cpu",
    deviceId: cpu.device_id,
    deviceName: cpu.name,
    allocation,
    cores,
    memoryBytes: cores === 0 ? 0n : BigInt(Math.floor(memoryMb)) * BigInt(MEBIBYTE),
    pricePerHour: priceOf(request, device, () => defaultPricePerHour({ driver: "cpu", cores })),
    benchmark: request.benchmark,
  };
}

/** What an allocation counts: hardware threads where the machine reports them, as the documents' examples do. */
export function schedulableCores(cpu: Hardware["cpus"][number]): number {
  return cpu.threads ?? cpu.cores;
}

function gpuUnit(hardware: Hardware, request: UnitRequest): SharedUnit {
  const { allocation } = request;
  const gpu = hardware.gpus.find((device) => device.device_id === request.device_id);
  if (!gpu) throw missingDevice(request, hardware.gpus);
  const device = `GPU ${gpu.device_id} (${gpu.name})`;
  const reserved =
    allocation.vram_reserved_mb ?? (allocation.vram_allocated_mb === undefined ? DEFAULT_VRAM_RESERVED_MB : 0);
  const vramMb = allocation.vram_allocated_mb ?? Math.max(0, gpu.vram_mb - reserved);
  if (vramMb + reserved > gpu.vram_mb) {
    throw exceeded(device, `${vramMb} MB of VRAM and ${reserved} MB in reserve`, `${gpu.vram_mb} MB`);
  }
  return {
    deviceType: "gpu",
    deviceId: gpu.device_id,
    deviceName: gpu.name,
    allocation,
    cores: 0,
    memoryBytes: BigInt(vramMb) * BigInt(MEBIBYTE),
    pricePerHour: priceOf(request, device, () =>
      defaultPricePerHour({ driver: gpu.vendor === "nvidia" ? "cuda" : "opencl", vramBytes: gpu.vram_mb * MEBIBYTE }),
    ),
    benchmark: request.benchmark,
  };
}

/** Units of several CPUs draw on one main memory. */
function checkMainMemory(hardware: Hardware, units: readonly SharedUnit[]): void {
  const shared = units.filter((unit) => unit.deviceType === "cpu").reduce((sum, unit) => sum + unit.memoryBytes, 0n);
  const totalMb = Math.floor(hardware.ram_total_gb * 1024);
  if (shared <= BigInt(totalMb) * BigInt(MEBIBYTE)) return;
  throw exceeded("all CPU units together", `${shared / BigInt(MEBIBYTE)} MB of main memory`, `${totalMb} MB`);
}

function priceOf(request: UnitRequest, device: string, standard: () => Amount): Amount {
  if (request.price_per_hour === undefined) return standard();
  try {
    return parseAmount(request.price_per_hour);
  } catch (cause) {
    throw new AppError(MACHINE_ERRORS.PRICE_INVALID, { device, value: request.price_per_hour }, { cause });
  }
}

function missingDevice(request: UnitRequest, devices: readonly { readonly device_id: number }[]): AppError {
  const available =
    devices.length === 0
      ? `no ${request.device_type}`
      : `${request.device_type} ${devices.map((device) => device.device_id).join(", ")}`;
  return exceeded(`${request.device_type} ${request.device_id}`, "a device", available);
}

function exceeded(device: string, asked: string, available: string): AppError {
  return new AppError(MACHINE_ERRORS.ALLOCATION_INVALID, { device, asked, available });
}
