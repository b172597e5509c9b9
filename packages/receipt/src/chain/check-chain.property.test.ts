import fc from "fast-check";
import { expect, test } from "vitest";
import { isAppError } from "@cyxwiz/primitives";
import { caught } from "../errors.fixture.ts";
import { aChange, aCheckpoint, aResult, aRun, aSegment, aStop } from "./chain.fixture.ts";
import type { ChainEntry } from "./chain-entry.ts";
import { checkChain, committedStep } from "./check-chain.ts";

/** What happens next while a job is trained: steps pass, the user changes something, a node drains or is lost. */
const event = fc.record({
  kind: fc.constantFrom("steps" as const, "change" as const, "drain" as const, "lost" as const, "stop" as const),
  count: fc.integer({ min: 1, max: 12 }),
});
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

/** A chain as an honest market writes it: an independent little model of the training, not of the check. */
function historyOf(every: number, total: number, events: readonly Event[]): readonly ChainEntry[] {
  const run = aRun({ checkpoint_every_steps: every, total_steps: total });
  const committed: ChainEntry[] = [run];
  let attempt: ChainEntry[] = [aSegment(0)];
  let [step, reached, changes, node] = [0, 0, 0, 10];
  const commit = (): void => {
    if (step === reached) return;
    attempt.push(aCheckpoint(step));
    committed.push(...attempt.splice(0));
    reached = step;
  };
  const finish = (): readonly ChainEntry[] => [...committed, ...attempt, aResult(step)];
  const restart = (): void => {
    step = reached;
    node++;
    attempt = [aSegment(reached, node)];
  };
  for (const { kind, count } of [...events, { kind: "steps" as const, count: total }]) {
    switch (kind) {
      case "steps":
        for (let left = count; left > 0 && step < total; left--) {
          step++;
          if (step % every === 0 || step === total) commit();
        }
        if (step === total) return finish();
        break;
      case "change":
        attempt.push(aChange(step, { change_id: `change ${changes++}` }));
        break;
      case "drain":
        // A change at this very step is applied again by the next attempt.
        attempt = attempt.filter((entry) => entry.kind !== "change" || entry.step < step);
        commit();
        restart();
        break;
      case "lost":
        restart();
        break;
      case "stop":
        if (step === 0) break;
        attempt.push(aStop(step));
        commit();
        return finish();
    }
  }
  return finish();
}

const history = fc
  .record({
    every: fc.integer({ min: 1, max: 9 }),
    total: fc.integer({ min: 1, max: 60 }),
    events: fc.array(event, { maxLength: 20 }),
  })
  .map(({ every, total, events }) => ({
    entries: historyOf(every, total, events),
    isDrained: events.some(({ kind }) => kind === "drain"),
  }));

test("[CHN4] every history of an honest market is a chain, and so is each beginning of it", () => {
  fc.assert(
    fc.property(history, fc.nat(), ({ entries }, cut) => {
      expect(caught(() => checkChain(entries))).toBeUndefined();
      expect(caught(() => checkChain(entries.slice(0, 1 + (cut % entries.length))))).toBeUndefined();
    }),
  );
});

test("[CHN7] a checkpoint that is missing is noticed where checkpoints come in the run's rhythm", () => {
  fc.assert(
    fc.property(
      history.filter(({ isDrained }) => !isDrained),
      fc.nat(),
      ({ entries }, pick) => {
        const found = entries.filter((entry) => entry.kind === "checkpoint");
        const missing = found[pick % found.length];
        expect(isAppError(caught(() => checkChain(entries.filter((entry) => entry !== missing))))).toBe(true);
      },
    ),
  );
});

test("[CHN11] a result is taken at the step of the last checkpoint, when nothing came after, and nowhere else", () => {
  fc.assert(
    fc.property(history, fc.nat(), fc.nat(60), ({ entries }, cut, step) => {
      const before = entries.slice(0, 1 + (cut % (entries.length - 1)));
      const last = committedStep(before);
      const reached = Math.max(...before.map((entry) => ("step" in entry ? entry.step : 0)));
      for (const at of [step, last]) {
        const isTaken = caught(() => checkChain([...before, aResult(at)])) === undefined;
        expect(isTaken).toBe(last > 0 && at === last && reached === last);
      }
    }),
  );
});

test("entries in any order give a chain or an AppError", () => {
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat()), ({ entries }, keys) => {
      const shuffled = entries.map((entry) => ({ entry, key: keys.next().value ?? 0 }));
      const error = caught(() => checkChain(shuffled.toSorted((a, b) => a.key - b.key).map(({ entry }) => entry)));
      expect(error === undefined || isAppError(error)).toBe(true);
    }),
  );
});
