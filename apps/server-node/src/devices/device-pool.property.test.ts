import type { UnitId } from "@cyxwiz/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CPU_ALLOCATION, UNIT_ID } from "../../test/sample-assignment.ts";
import { NODE_ERRORS } from "../errors.ts";
import { type DeviceLease, DevicePool } from "./device-pool.ts";

const OTHER = "unit_cpu1_def456" as UnitId;

function readyPool(maxJobs: number): DevicePool {
  const units = [UNIT_ID, OTHER].map((unitId) => ({ unitId, allocation: CPU_ALLOCATION }));
  const pool = new DevicePool(units, maxJobs);
  for (const { unitId } of units) {
    pool.raise(unitId, "registration-started");
    pool.raise(unitId, "registered");
  }
  return pool;
}

function codeOf(answer: ReturnType<DevicePool["acquire"]>): string {
  return answer.kind === "refused" ? answer.code : "acquired";
}

test("[NH4] whatever is asked and given back in whatever order, no unit is over-committed and everything returns", () => {
  const ask = fc.record({
    unitId: fc.constantFrom(UNIT_ID, OTHER),
    threads: fc.integer({ min: 0, max: 6 }),
    memoryBytes: fc.integer({ min: 0, max: 1_500_000 }),
  });
  const give = fc.nat({ max: 20 });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(ask, give), { maxLength: 60 }),
      fc.integer({ min: 1, max: 6 }),
      (commands, maxJobs) => {
        const pool = readyPool(maxJobs);
        const held: DeviceLease[] = [];
        for (const [index, command] of commands.entries()) {
          if (typeof command === "number") {
            held.splice(command % Math.max(1, held.length), 1)[0]?.[Symbol.dispose]();
          } else {
            const answer = pool.acquire({ ...command, assignmentId: String(index) });
            if (answer.kind === "acquired") held.push(answer);
          }
          expect(held.length).toBeLessThanOrEqual(maxJobs);
          for (const unit of pool.units()) {
            const own = held.filter((lease) => lease.unitId === unit.unitId);
            expect(unit.usedThreads).toBe(own.reduce((sum, lease) => sum + lease.threads, 0));
            expect(unit.usedThreads).toBeLessThanOrEqual(unit.allocation.threads);
            expect(unit.usedMemoryBytes).toBe(own.reduce((sum, lease) => sum + lease.memoryBytes, 0));
            expect(unit.usedMemoryBytes).toBeLessThanOrEqual(unit.allocation.memoryBytes);
          }
        }
        for (const lease of held) {
          lease[Symbol.dispose]();
          lease[Symbol.dispose]();
        }
        expect(pool.units().every((unit) => unit.usedThreads === 0 && unit.usedMemoryBytes === 0)).toBe(true);
      },
    ),
  );
});

test("a refusal says which limit it is", () => {
  const pool = readyPool(2);
  const ask = { unitId: UNIT_ID, assignmentId: "a", threads: 1, memoryBytes: 1 };
  expect(codeOf(pool.acquire({ ...ask, unitId: "unit_gpu9_zzzzzz" as UnitId }))).toBe(NODE_ERRORS.UNIT_UNKNOWN.code);
  expect(codeOf(pool.acquire({ ...ask, threads: 5 }))).toBe(NODE_ERRORS.UNIT_FULL.code);
  expect(codeOf(pool.acquire({ ...ask, memoryBytes: 2_000_000 }))).toBe(NODE_ERRORS.UNIT_FULL.code);
  pool.raise(UNIT_ID, "paused", "overheating");
  expect(pool.acquire(ask)).toMatchObject({
    code: NODE_ERRORS.UNIT_NOT_READY.code,
    message: expect.stringContaining("overheating"),
  });
  pool.raise(UNIT_ID, "resumed");
  expect([codeOf(pool.acquire(ask)), codeOf(pool.acquire(ask))]).toEqual(["acquired", "acquired"]);
  expect(codeOf(pool.acquire(ask))).toBe(NODE_ERRORS.JOBS_EXCEEDED.code);
});

test("a unit that is not registered yet takes no work, and an event that its state does not take changes nothing", () => {
  const pool = new DevicePool([{ unitId: UNIT_ID, allocation: CPU_ALLOCATION }], 1);
  expect(codeOf(pool.acquire({ unitId: UNIT_ID, assignmentId: "a", threads: 1, memoryBytes: 1 }))).toBe(
    NODE_ERRORS.UNIT_NOT_READY.code,
  );
  expect(pool.raise(UNIT_ID, "resumed")).toBe(false);
  expect(pool.units()[0]?.state).toBe("INACTIVE");
});
