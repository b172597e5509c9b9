/** Trains in the tests' own process and collects what was said. */
import type { Clock } from "@cyxwiz/platform";
import { defined } from "@cyxwiz/primitives";
import { expect } from "vitest";
import { loadOrtNode } from "../driver/ort-node.ts";
import type { TrainingDriver } from "../driver/training-driver.ts";
import { train } from "./trainer.ts";
import type { TrainerContext } from "./trainer-context.ts";
import type { TrainingEvent, TrainingJob } from "./training-job.ts";

export const driver: TrainingDriver = await loadOrtNode();

/** A clock on which every look takes `ms`: so slow that steps run one by one, or so fast that they run together. */
export function clockOf(ms: number | (() => number)): Clock {
  let now = 0;
  const tick = (): number => (now += typeof ms === "number" ? ms : ms());
  return { now: () => 0, monotonic: tick, sleep: () => Promise.resolve() };
}

export async function trained(
  job: TrainingJob,
  context: Partial<TrainerContext> = {},
): Promise<readonly TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  await train(job, {
    driver,
    clock: clockOf(0),
    isStopped: () => false,
    emit: (event) => void events.push(event),
    ...context,
  });
  return events;
}

export type Of<K extends TrainingEvent["kind"]> = Extract<TrainingEvent, { kind: K }>;

export function ofKind<K extends TrainingEvent["kind"]>(events: readonly TrainingEvent[], kind: K): readonly Of<K>[] {
  return events.filter((event): event is Of<K> => event.kind === kind);
}

export function finished(events: readonly TrainingEvent[]): Of<"finished"> {
  expect(ofKind(events, "failed")).toEqual([]);
  return defined(ofKind(events, "finished")[0], "the finished event");
}

export function replayed(events: readonly TrainingEvent[]): Of<"replayed"> {
  expect(ofKind(events, "failed")).toEqual([]);
  return defined(ofKind(events, "replayed")[0], "the replayed event");
}

/** Steps and hashes of the checkpoints, in order. */
export function checkpointHashes(events: readonly TrainingEvent[]): readonly (readonly [step: number, hash: string])[] {
  return ofKind(events, "checkpoint").map(({ step, sha256 }) => [step, sha256]);
}
