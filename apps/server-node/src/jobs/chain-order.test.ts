import type { TrainingEvent } from "@cyxwiz/backend";
import { expect, test } from "vitest";
import { inChainOrder } from "./chain-order.ts";

const changed = (id: string, step: number): TrainingEvent => ({ kind: "changed", id, step });
const checkpoint = (step: number): TrainingEvent => ({ kind: "checkpoint", step, path: "", sha256: "", sizeBytes: 1 });
const epoch = (step: number): TrainingEvent => ({ kind: "epoch", epoch: 1, step, testLoss: 1 });

async function ordered(...events: readonly TrainingEvent[]): Promise<readonly string[]> {
  async function* told(): AsyncGenerator<TrainingEvent> {
    yield* events;
  }
  const names: string[] = [];
  for await (const event of inChainOrder(told())) {
    names.push(`${event.kind === "changed" ? event.id : event.kind} ${"step" in event ? event.step : ""}`);
  }
  return names;
}

test("[NJ12] changes come behind the checkpoint that a stop at their step makes", async () => {
  const told = [checkpoint(2), changed("rate", 3), changed("stop", 3), checkpoint(3)];
  expect(await ordered(...told)).toEqual(["checkpoint 2", "checkpoint 3", "rate 3", "stop 3"]);
});

test("changes keep their place before everything that is of a later step", async () => {
  const told = [checkpoint(2), changed("rate", 2), epoch(3), changed("again", 3), checkpoint(4)];
  expect(await ordered(...told)).toEqual(["checkpoint 2", "rate 2", "epoch 3", "again 3", "checkpoint 4"]);
});

test("a change that nothing follows is not lost", async () => {
  expect(await ordered(changed("rate", 2))).toEqual(["rate 2"]);
});
