/**
 * Prices for owners who set none, as existing clients advertise them: a base for the device and a part for its size.
 *
 * @see wire-behaviour, "Nodes": per hour, CUDA 0.25 + 0.02 per GB of VRAM, OpenCL 0.15 + 0.01, CPU 0.05 + 0.005 per core.
 */
import { amount, type Amount } from "@cyxwiz/primitives";

/** What a device is priced by: how it is driven, and its size (bytes of VRAM, or cores that are shared). */
export type PricedDevice =
  | { readonly driver: "cuda"; readonly vramBytes: number }
  | { readonly driver: "opencl"; readonly vramBytes: number }
  | { readonly driver: "cpu"; readonly cores: number };

const BYTES_PER_GB = 2 ** 30;
const CUDA = { base: 250_000_000n, perGb: 20_000_000n };
const OPENCL = { base: 150_000_000n, perGb: 10_000_000n };
const CPU = { base: 50_000_000n, perCore: 5_000_000n };

/** Base units per hour. VRAM counts in whole GB, to the nearest, because cards report a little less than their label. */
export function defaultPricePerHour(device: PricedDevice): Amount {
  switch (device.driver) {
    case "cuda":
      return amount(CUDA.base + CUDA.perGb * wholeGigabytes(device.vramBytes));
    case "opencl":
      return amount(OPENCL.base + OPENCL.perGb * wholeGigabytes(device.vramBytes));
    case "cpu":
      return amount(CPU.base + CPU.perCore * BigInt(device.cores));
  }
}

function wholeGigabytes(bytes: number): bigint {
  return BigInt(Math.round(bytes / BYTES_PER_GB));
}
