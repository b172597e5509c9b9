import { expect, test } from "vitest";
import { ESCROW_EVENTS, ESCROW_STATES, escrowMachine } from "./escrow-state.ts";

test("[JS7] an escrow takes one step forward at a time and never goes back", () => {
  for (const [index, state] of ESCROW_STATES.entries()) {
    const targets = ESCROW_EVENTS.map((event) => escrowMachine.next(state, event))
      .filter((result) => result.kind === "moved")
      .map((result) => result.state);
    expect(targets).toEqual(ESCROW_STATES.slice(index + 1, index + 2));
  }
});
