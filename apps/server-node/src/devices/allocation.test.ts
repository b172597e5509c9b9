import { assert, isError, parseAmount } from "@cyxwiz/primitives";
import { expect, test } from "vitest";
import type { DevicesConfig } from "../config/node-config.ts";
import { NODE_ERRORS } from "../errors.ts";
import type { DetectedGpu, DetectedHardware } from "../hardware/detected-hardware.ts";
import { planAllocations } from "./allocation.ts";

const GIB = 1024 ** 3;

function gpu(deviceId: number, vramMb: number): DetectedGpu {
  return { deviceId, name: `GPU ${deviceId}`, vendor: "nvidia", vramMb, isIntegrated: false };
}

function setup(
  devices: Partial<DevicesConfig> = {},
  gpus: readonly DetectedGpu[] = [],
): { config: DevicesConfig; hardware: DetectedHardware } {
  const config: DevicesConfig = {
    shareGpu: true,
    gpuIds: [],
    shareCpu: true,
    priority: "normal",
    maxPowerPercent: 100,
    pricePerHour: {},
    ...devices,
  };
  const cpu = { deviceId: 0, name: "CPU", cores: 8, threads: 16, usableThreads: 16 };
  const hardware = {
    hostname: "h",
    os: "o",
    ipAddress: "127.0.0.1",
    cpu,
    gpus,
    memoryBytes: 16 * GIB,
    storageBytes: 1,
  };
  return { config, hardware };
}

function plan(...given: Parameters<typeof setup>): ReturnType<typeof planAllocations> {
  const { config, hardware } = setup(...given);
  return planAllocations(config, hardware);
}

function refusalOf(...given: Parameters<typeof setup>): { key: string; value: string; allowed: string } {
  try {
    plan(...given);
  } catch (error) {
    assert(isError(error, NODE_ERRORS.ALLOCATION_INVALID), "expected node/allocation-invalid");
    return error.context;
  }
  throw new TypeError("expected a refusal");
}

test("by default all devices are shared, less what the owner's own work needs", () => {
  const [shared, cpu] = plan({}, [gpu(0, 24_576)]);
  expect(shared).toMatchObject({ deviceType: "gpu", memoryBytes: 22_528 * 1024 ** 2 });
  expect(cpu).toMatchObject({ deviceType: "cpu", threads: 6, threadsReserved: 2, memoryBytes: 12 * GIB });
});

test("only the named GPUs are shared, and no more of them than allowed", () => {
  const units = plan(
    { gpuIds: [1], maxGpuMemoryMb: 8_000, shareCpu: false, pricePerHour: { gpu: parseAmount("1.5") } },
    [gpu(0, 24_576), gpu(1, 10_240)],
  );
  expect(units).toHaveLength(1);
  expect(units[0]).toMatchObject({ deviceId: 1, memoryBytes: 8_000 * 1024 ** 2, pricePerHour: 1_500_000_000n });
});

test("[NH3] a device or share that the machine does not have is refused by key and limit", () => {
  expect(refusalOf({ cpuCores: 17 })).toMatchObject({
    key: "devices.cpu_cores",
    value: "17",
    allowed: "1 to 16 threads",
  });
  expect(refusalOf({ cpuMemoryMb: 17 * 1024 })).toMatchObject({
    key: "devices.cpu_memory_mb",
    allowed: "1 to 16384 MB",
  });
  expect(refusalOf({ gpuIds: [3] }, [gpu(0, 1_000)])).toMatchObject({
    key: "devices.gpu_ids",
    value: "[3]",
    allowed: "numbers of 0",
  });
  expect(refusalOf({ gpuIds: [0] })).toMatchObject({ allowed: "only []" });
});

test("a node that shares nothing is refused", () => {
  expect(refusalOf({ shareCpu: false })).toMatchObject({ key: "devices.share_cpu" });
});
