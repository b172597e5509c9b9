import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isError } from "@cyxwiz/primitives";
import type { Hardware } from "@cyxwiz/protocol/rest";
import { MACHINE_ERRORS } from "./machine-errors.ts";
import { sharedUnits, type UnitRequest } from "./unit-allocation.ts";

describe("allocations", () => {
  it("never share more cores, memory or VRAM than the machine has, whatever is asked", () => {
    const asked = fc.record({
      cores: fc.integer({ min: 1, max: 64 }),
      ramGb: fc.integer({ min: 1, max: 256 }),
      vramMb: fc.integer({ min: 0, max: 48_000 }),
      coresAllocated: fc.option(fc.integer({ min: 1, max: 80 }), { nil: undefined }),
      coresReserved: fc.option(fc.integer({ min: 0, max: 80 }), { nil: undefined }),
      memoryMb: fc.option(fc.integer({ min: 0, max: 300_000 }), { nil: undefined }),
      vramAllocated: fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: undefined }),
      vramReserved: fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(asked, (ask) => {
        const hardware: Hardware = {
          cpus: [{ device_id: 0, name: "CPU", cores: ask.cores }],
          gpus: [{ device_id: 0, name: "GPU", vendor: "nvidia", vram_mb: ask.vramMb }],
          ram_total_gb: ask.ramGb,
          storage_total_gb: 1,
        };
        const requests: UnitRequest[] = [
          {
            device_type: "cpu",
            device_id: 0,
            allocation: {
              priority: "normal",
              cores_allocated: ask.coresAllocated,
              cores_reserved: ask.coresReserved,
              memory_allocated_mb: ask.memoryMb,
            },
          },
          {
            device_type: "gpu",
            device_id: 0,
            allocation: {
              priority: "normal",
              vram_allocated_mb: ask.vramAllocated,
              vram_reserved_mb: ask.vramReserved,
            },
          },
        ];
        try {
          const [cpu, gpu] = sharedUnits(hardware, requests);
          expect((cpu?.cores ?? 0) + (ask.coresReserved ?? 0)).toBeLessThanOrEqual(
            Math.max(ask.cores, ask.coresReserved ?? 0),
          );
          expect(Number(cpu?.memoryBytes)).toBeLessThanOrEqual(ask.ramGb * 2 ** 30);
          expect(Number(gpu?.memoryBytes)).toBeLessThanOrEqual(ask.vramMb * 2 ** 20);
        } catch (error) {
          if (!isError(error, MACHINE_ERRORS.ALLOCATION_INVALID)) throw error;
        }
      }),
    );
  });
});
