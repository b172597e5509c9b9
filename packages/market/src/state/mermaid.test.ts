import { expect, test } from "vitest";
import { escrowMachine } from "./escrow-state.ts";
import { toMermaid } from "./mermaid.ts";

test("[JS11] a machine is drawn as a Mermaid state diagram", () => {
  expect(toMermaid(escrowMachine)).toBe(`stateDiagram-v2
  [*] --> NONE
  NONE --> LOCKED: locked
  LOCKED --> SETTLING: settlement-started
  SETTLING --> SETTLED: settlement-confirmed
  SETTLED --> [*]
`);
});
