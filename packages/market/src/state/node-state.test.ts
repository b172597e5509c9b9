import { expect, test } from "vitest";
import { nodeMachine } from "./node-state.ts";

test("[JS9] a heartbeat brings a node back from OFFLINE and never frees a busy one", () => {
  expect(nodeMachine.move("OFFLINE", "heartbeat")).toBe("ACTIVE");
  expect(nodeMachine.move("BUSY", "heartbeat")).toBe("BUSY");
  expect(nodeMachine.move("BUSY", "registered")).toBe("BUSY");
});

test("[JS9] a busy node takes more work and is ACTIVE again when the last of it ended", () => {
  expect(nodeMachine.move("BUSY", "work-started")).toBe("BUSY");
  expect(nodeMachine.move("BUSY", "work-ended")).toBe("ACTIVE");
});

test("[JS9] a node that was silent for days comes back by a passed challenge, not by beating", () => {
  expect(nodeMachine.move("OFFLINE", "silent-for-days")).toBe("INACTIVE");
  expect(nodeMachine.move("INACTIVE", "heartbeat")).toBe("INACTIVE");
  expect(nodeMachine.move("INACTIVE", "challenge-passed")).toBe("ACTIVE");
});

test("[JS9] a slashed node comes back by a topped-up stake and then a heartbeat", () => {
  expect(nodeMachine.move("SLASHED", "heartbeat")).toBe("SLASHED");
  expect(nodeMachine.move(nodeMachine.move("SLASHED", "stake-topped-up"), "heartbeat")).toBe("ACTIVE");
  expect(nodeMachine.next("SLASHED", "work-started").kind).toBe("refused");
});
