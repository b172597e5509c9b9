import { expect, test } from "vitest";
import { UNIT_STATES, unitMachine } from "./unit-state.ts";

test("[JS10] registration makes a shared unit ACTIVE, and a failed one leaves it INACTIVE", () => {
  const registering = unitMachine.move(unitMachine.move("NOT_SHARED", "sharing-enabled"), "registration-started");
  expect(unitMachine.move(registering, "registered")).toBe("ACTIVE");
  expect(unitMachine.move(registering, "registration-failed")).toBe("INACTIVE");
});

test("[JS10] an owner can take the device back from every shared state", () => {
  for (const state of UNIT_STATES.filter((name) => name !== "NOT_SHARED")) {
    expect(unitMachine.move(state, "sharing-disabled")).toBe("NOT_SHARED");
  }
});

test("[JS10] a failed self-test stops a unit until one passes", () => {
  expect(unitMachine.move("ACTIVE", "self-test-failed")).toBe("ERROR");
  expect(unitMachine.next("ERROR", "resumed").kind).toBe("refused");
  expect(unitMachine.move("ERROR", "self-test-passed")).toBe("ACTIVE");
});

test("[JS10] a paused unit resumes to ACTIVE, and heartbeats alone do not resume it", () => {
  expect(unitMachine.move("ACTIVE", "paused")).toBe("PAUSED");
  expect(unitMachine.next("PAUSED", "heartbeat-returned").kind).toBe("refused");
  expect(unitMachine.move("PAUSED", "resumed")).toBe("ACTIVE");
});
