/** Hardware as older nodes send it with RegisterNode, read into the form that REST reports. Pure. */
import { DeviceType, type DeviceCaps, type NodeInfo } from "@cyxwiz/protocol";
import type { StoredHardware } from "./registration-service.ts";
import type { UnitRequest } from "./unit-allocation.ts";

const MEBIBYTE = 1_048_576;
const GIBIBYTE = 1_073_741_824;
/** As many devices as REST takes. */
const MAX_CPUS = 16;
const MAX_GPUS = 64;
const MAX_TEXT = 200;
/** Every device of an older node is shared, as far as the defaults allow. */
const SHARED = { priority: "normal" } as const;

export interface WireHardware {
  readonly hardware: StoredHardware;
  readonly requests: readonly UnitRequest[];
}

/** Devices become units with the network's default prices. Figures that make no sense count as none. */
export function hardwareFromWire(info: NodeInfo): WireHardware {
  const cpus = info.devices.filter((device) => device.deviceType === DeviceType.DEVICE_CPU).slice(0, MAX_CPUS);
  const gpus = info.devices.filter(isGpu).slice(0, MAX_GPUS);
  const hardware: StoredHardware = {
    source: "grpc",
    cpus: cpus.map((device, index) => ({
      device_id: index,
      name: named(device.deviceName, "CPU"),
      cores: Math.min(4096, Math.max(1, device.computeUnits, cpus.length === 1 ? info.cpuCores : 0)),
    })),
    gpus: gpus.map((device, index) => ({
      device_id: index,
      name: named(device.gpuModel, named(device.deviceName, "GPU")),
      vendor: vendorOf(device),
      vram_mb: whole(Number(device.vramTotal || device.memoryTotal), MEBIBYTE),
    })),
    ram_total_gb: Math.max(0, Number(info.ramTotal) / GIBIBYTE),
    storage_total_gb: 0,
  };
  const requests = [
    ...hardware.cpus.map((cpu): UnitRequest => ({ device_type: "cpu", device_id: cpu.device_id, allocation: SHARED })),
    ...hardware.gpus.map((gpu): UnitRequest => ({ device_type: "gpu", device_id: gpu.device_id, allocation: SHARED })),
  ];
  return { hardware, requests };
}

function isGpu(device: DeviceCaps): boolean {
  return device.deviceType !== DeviceType.DEVICE_CPU && device.deviceType !== DeviceType.DEVICE_UNKNOWN;
}

function vendorOf(device: DeviceCaps): "nvidia" | "amd" | "intel" {
  if (device.deviceType === DeviceType.DEVICE_CUDA) return "nvidia";
  return /intel/i.test(`${device.gpuModel} ${device.deviceName}`) ? "intel" : "amd";
}

function named(text: string, otherwise: string): string {
  return (text || otherwise).slice(0, MAX_TEXT);
}

function whole(bytes: number, unit: number): number {
  return Math.max(0, Math.floor(bytes / unit));
}
