import type { MachineDefinition } from "./transition-table.ts";

/**
 * A machine as a Mermaid `stateDiagram-v2`, in the order of its tables, so that a changed table is a changed line.
 *
 * Events that leave the state as it is are left out: they are permissions, not moves.
 * @see https://mermaid.js.org/syntax/stateDiagram.html
 */
export function toMermaid<State extends string, Event extends string>(
  definition: MachineDefinition<State, Event>,
): string {
  const lines = ["stateDiagram-v2", `  [*] --> ${definition.initial}`];
  for (const state of definition.states) {
    let moves = 0;
    for (const event of definition.events) {
      const target = definition.table[state][event];
      if (target === undefined || target === state) continue;
      lines.push(`  ${state} --> ${target}: ${event}`);
      moves++;
    }
    if (moves === 0) lines.push(`  ${state} --> [*]`);
  }
  return `${lines.join("\n")}\n`;
}
