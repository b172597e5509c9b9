import { JOB_STATES } from "@cyxwiz/market";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DeviceType, StatusCode } from "../gen/cyxwiz/protocol/common_pb.ts";
import { fromWireDevice, toWireDevice } from "./device-type.ts";
import { fromWireReport, toWireJobStatus } from "./job-status.ts";
import { fromWireTime, toWireTime } from "./unix-time.ts";

describe("unix time", () => {
  test("[PW1] seconds, milliseconds, microseconds and nanoseconds of one instant read the same", () => {
    const seconds = 1_790_000_000n;
    for (const scale of [1n, 1_000n, 1_000_000n, 1_000_000_000n]) {
      expect(fromWireTime(seconds * scale)).toBe(1_790_000_000_000);
    }
  });

  test("[PW1] any instant from 1974 to 2262 survives each unit, to that unit's precision", () => {
    const instant = fc.integer({ min: 126_230_400_000, max: 9_214_646_400_000 });
    fc.assert(
      fc.property(instant, (ms) => {
        expect(fromWireTime(BigInt(ms) * 1_000_000n)).toBe(ms);
        expect(fromWireTime(BigInt(ms))).toBe(ms);
        expect(fromWireTime(toWireTime(ms))).toBe(Math.floor(ms / 1_000) * 1_000);
      }),
    );
  });

  test("[PW1] zero and negative times are not set", () => {
    expect(fromWireTime(0n)).toBeUndefined();
    expect(fromWireTime(-5n)).toBeUndefined();
    expect(toWireTime(undefined)).toBe(0n);
  });
});

describe("job status", () => {
  test("[PW2] every state has the status that deployed clients know", () => {
    const statuses = JOB_STATES.map((state) => [state, nameOf(toWireJobStatus(state, true))]);
    expect(Object.fromEntries(statuses)).toEqual({
      CREATED: "STATUS_PENDING",
      QUEUED: "STATUS_PENDING",
      ESCROWED: "STATUS_PENDING",
      ASSIGNED: "STATUS_IN_PROGRESS",
      RUNNING: "STATUS_IN_PROGRESS",
      VERIFYING: "STATUS_IN_PROGRESS",
      COMPLETED: "STATUS_SUCCESS",
      FAILED: "STATUS_FAILED",
      CANCELLED: "STATUS_CANCELLED",
    });
  });

  test("[PW2] a completed job is a success only once its money is settled", () => {
    expect(toWireJobStatus("COMPLETED", false)).toBe(StatusCode.STATUS_IN_PROGRESS);
  });

  test("a node's report is read from either word for success and failure, and silence is not a report", () => {
    const read = Object.entries(StatusCode).map(([name, code]) => [name, fromWireReport(code)]);
    expect(Object.fromEntries(read)).toEqual({
      STATUS_UNKNOWN: undefined,
      STATUS_SUCCESS: "succeeded",
      STATUS_ERROR: "failed",
      STATUS_PENDING: "pending",
      STATUS_IN_PROGRESS: "running",
      STATUS_COMPLETED: "succeeded",
      STATUS_FAILED: "failed",
      STATUS_CANCELLED: "cancelled",
    });
  });
});

describe("device type", () => {
  test("every known number has a name that leads back to it", () => {
    for (const [name, type] of Object.entries(DeviceType)) {
      if (type !== DeviceType.DEVICE_UNKNOWN) expect(toWireDevice(fromWireDevice(type)), name).toBe(type);
    }
  });

  test("unknown and absent are each other", () => {
    expect(fromWireDevice(DeviceType.DEVICE_UNKNOWN)).toBeUndefined();
    expect(toWireDevice(undefined)).toBe(DeviceType.DEVICE_UNKNOWN);
  });
});

function nameOf(code: StatusCode): string | undefined {
  return Object.entries(StatusCode).find(([, value]) => value === code)?.[0];
}
