import { expect, test } from "vitest";
import { isError } from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";
import { stateMachine, type StateMachine } from "./transition-table.ts";

const door: StateMachine<"OPEN" | "SHUT" | "GONE", "shut" | "open" | "knock" | "remove"> = stateMachine({
  machine: "door",
  initial: "OPEN",
  states: ["OPEN", "SHUT", "GONE"],
  events: ["shut", "open", "knock", "remove"],
  table: { OPEN: { shut: "SHUT" }, SHUT: { open: "OPEN", knock: "SHUT", remove: "GONE" }, GONE: {} },
});

test("[JS1] an event in the table moves, any other is refused with what is allowed", () => {
  expect(door.next("OPEN", "shut")).toEqual({ kind: "moved", state: "SHUT" });
  expect(door.next("OPEN", "knock")).toEqual({
    kind: "refused",
    machine: "door",
    state: "OPEN",
    event: "knock",
    allowed: ["shut"],
  });
});

test("[JS2] the asserting variant throws market/transition-refused with machine, state, event and what is allowed", () => {
  expect(door.move("SHUT", "open")).toBe("OPEN");
  let thrown: unknown;
  try {
    door.move("SHUT", "shut");
  } catch (error) {
    thrown = error;
  }
  expect(isError(thrown, MARKET_ERRORS.TRANSITION_REFUSED) && thrown.message).toBe(
    'door in state SHUT takes no event "shut": allowed are open, knock, remove',
  );
  expect(() => door.move("GONE", "open")).toThrow("allowed is nothing, the state is final");
});

test("[JS1] a state is final when nothing leads out of it", () => {
  expect(door.isFinal("GONE")).toBe(true);
  expect(door.isFinal("SHUT")).toBe(false);
});
