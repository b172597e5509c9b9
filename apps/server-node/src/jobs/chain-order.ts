import type { TrainingEvent } from "@cyxwiz/backend";

/**
 * A trainer's events with every change behind the checkpoint of its step: that is their order in the chain. Only a change
 * that stops the training is told the other way round, because it is what the checkpoint is made for. Changes wait for the
 * event after them, which is never later than the next sign of progress.
 */
export async function* inChainOrder(events: AsyncIterable<TrainingEvent>): AsyncGenerator<TrainingEvent> {
  let held: Extract<TrainingEvent, { kind: "changed" }>[] = [];
  for await (const event of events) {
    if (event.kind === "changed") {
      held.push(event);
      continue;
    }
    const isFirst = event.kind === "checkpoint" && event.step === held[0]?.step;
    if (isFirst) yield event;
    yield* held;
    held = [];
    if (!isFirst) yield event;
  }
  yield* held;
}
