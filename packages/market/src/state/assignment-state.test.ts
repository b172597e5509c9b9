import { expect, test } from "vitest";
import { ASSIGNMENT_STATES, assignmentMachine, LIVE_ASSIGNMENT_STATES } from "./assignment-state.ts";

test("[JS8] an assignment ends once: what is not live is final", () => {
  const final = ASSIGNMENT_STATES.filter((state) => assignmentMachine.isFinal(state));
  expect(final).toEqual(["SUCCEEDED", "FAILED", "DECLINED", "LOST", "CANCELLED"]);
  expect(ASSIGNMENT_STATES.filter((state) => !assignmentMachine.isFinal(state))).toEqual(LIVE_ASSIGNMENT_STATES);
});

test("[JS8] in every live state a silent node loses its assignment and a cancel ends it", () => {
  for (const state of LIVE_ASSIGNMENT_STATES) {
    expect(assignmentMachine.move(state, "lease-expired")).toBe("LOST");
    expect(assignmentMachine.move(state, "cancelled")).toBe("CANCELLED");
  }
});

test("[JS8] an assignment succeeds only after it ran", () => {
  expect(assignmentMachine.next("OFFERED", "succeeded").kind).toBe("refused");
  expect(assignmentMachine.next("ACCEPTED", "succeeded").kind).toBe("refused");
  expect(assignmentMachine.move("RUNNING", "succeeded")).toBe("SUCCEEDED");
});
