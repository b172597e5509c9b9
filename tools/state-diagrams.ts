/**
 * The state diagrams of ARCHITECTURE.md, drawn from the transition tables of `market`.
 *
 *   node tools/state-diagrams.ts --write    puts them between their markers
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assignmentMachine, escrowMachine, jobMachine, nodeMachine, toMermaid, unitMachine } from "@cyxwiz/market";

/** Each diagram with its markers, by the machine's name. */
export function stateDiagrams(): Record<string, string> {
  const machines = {
    job: jobMachine,
    assignment: assignmentMachine,
    escrow: escrowMachine,
    node: nodeMachine,
    unit: unitMachine,
  };
  return Object.fromEntries(
    Object.entries(machines).map(([name, machine]) => [
      name,
      frame(name, toMermaid(machine as Parameters<typeof toMermaid>[0])),
    ]),
  );
}

function frame(name: string, diagram: string): string {
  return `<!-- diagram:${name} -->\n\n\`\`\`mermaid\n${diagram.trimEnd()}\n\`\`\`\n\n<!-- /diagram:${name} -->`;
}

if (process.argv.includes("--write")) {
  const path = join(import.meta.dirname, "..", "ARCHITECTURE.md");
  let text = readFileSync(path, "utf8");
  for (const [name, diagram] of Object.entries(stateDiagrams())) {
    text = text.replace(new RegExp(`<!-- diagram:${name} -->[\\s\\S]*?<!-- /diagram:${name} -->`), () => diagram);
  }
  writeFileSync(path, text);
}
