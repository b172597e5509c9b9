import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assignmentMachine } from "./assignment-state.ts";
import { escrowMachine } from "./escrow-state.ts";
import { jobMachine } from "./job-state.ts";
import { toMermaid } from "./mermaid.ts";
import { nodeMachine } from "./node-state.ts";
import type { StateMachine } from "./transition-table.ts";
import { unitMachine } from "./unit-state.ts";

function laws<State extends string, Event extends string>(machine: StateMachine<State, Event>): void {
  describe(machine.machine, () => {
    test("[JS1] whatever happens to it, nothing moves outside the table", () => {
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...machine.events), { maxLength: 40 }), (events) => {
          let state = machine.initial;
          for (const event of events) {
            const result = machine.next(state, event);
            const inTable = machine.table[state][event];
            if (result.kind === "refused") {
              expect(inTable).toBeUndefined();
              expect(result.allowed).toEqual(Object.keys(machine.table[state]).toSorted(byOrder(machine.events)));
            } else {
              expect(result.state).toBe(inTable);
              state = result.state;
            }
          }
        }),
      );
    });

    test("[JS6] every state can be reached from the first", () => {
      const reached = new Set<State>([machine.initial]);
      for (const state of reached) {
        for (const event of machine.allowed(state)) reached.add(machine.move(state, event));
      }
      expect([...reached].toSorted()).toEqual(machine.states.toSorted());
    });

    test("[JS11] its diagram has one line for each move, and no other", () => {
      const moves = machine.states.flatMap((state) =>
        machine
          .allowed(state)
          .filter((event) => machine.move(state, event) !== state)
          .map((event) => `  ${state} --> ${machine.move(state, event)}: ${event}`),
      );
      const drawn = toMermaid(machine)
        .split("\n")
        .filter((line) => line.includes(": "));
      expect(drawn).toEqual(moves);
    });
  });
}

function byOrder<Event>(events: readonly Event[]): (a: string, b: string) => number {
  const names = events.map(String);
  return (a, b) => names.indexOf(a) - names.indexOf(b);
}

laws(jobMachine);
laws(escrowMachine);
laws(assignmentMachine);
laws(nodeMachine);
laws(unitMachine);
