import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAssignmentId, parseJobId } from "@cyxwiz/primitives";
import { PENALTY_CAUSES, penaltyFor, type PenaltyCause, type PenaltyEvent } from "./penalty.ts";

const DAY = 86_400_000;
const NOW = 1_000 * DAY;

function anEvent(number: number, cause: PenaltyCause, at: number): PenaltyEvent {
  const id = `00000004-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
  return { cause, at, job_id: parseJobId(id), assignment_id: parseAssignmentId(id) };
}

/** Events of one cause, so many milliseconds before now. */
function ago(cause: PenaltyCause, ...times: readonly number[]): readonly PenaltyEvent[] {
  return times.map((time, index) => anEvent(index + 1, cause, NOW - time));
}

const timedOut = anEvent(99, "timed-out", NOW);
const refused = anEvent(99, "result-refused", NOW);

test("[PEN1] an assignment that timed out costs a tenth of the stake", () => {
  expect(penaltyFor(timedOut, [])).toEqual({ cause: "timed-out", percent: 10, isBan: false, evidence: [timedOut] });
});

test("[PEN2] a refused result costs a quarter of the stake", () => {
  expect(penaltyFor(refused, [])).toEqual({ cause: "result-refused", percent: 25, isBan: false, evidence: [refused] });
});

test("[PEN3] the third refused result within 30 days costs all of it and bans the node", () => {
  const earlier = ago("result-refused", 1, 30 * DAY - 1);
  expect(penaltyFor(refused, earlier)).toEqual({
    cause: "result-refused",
    percent: 100,
    isBan: true,
    evidence: [...earlier.toReversed(), refused],
  });
  expect(penaltyFor(refused, ago("result-refused", 1, 30 * DAY))).toMatchObject({ percent: 25, isBan: false });
  expect(penaltyFor(refused, ago("result-refused", 1))).toMatchObject({ percent: 25, isBan: false });
});

test("[PEN4] the fifth time-out within 7 days costs all of it and bans the node", () => {
  expect(penaltyFor(timedOut, ago("timed-out", 0, 1, DAY, 7 * DAY - 1))).toMatchObject({ percent: 100, isBan: true });
  expect(penaltyFor(timedOut, ago("timed-out", 0, 1, DAY, 7 * DAY))).toMatchObject({ percent: 10, isBan: false });
  expect(penaltyFor(timedOut, ago("timed-out", 0, 1, DAY))).toMatchObject({ percent: 10, isBan: false });
});

test("[PEN5] refused results and time-outs fill their own windows only", () => {
  expect(penaltyFor(refused, ago("timed-out", 1, 2, 3, 4))).toMatchObject({ percent: 25, isBan: false });
  expect(penaltyFor(timedOut, ago("result-refused", 1, 2, 3, 4))).toMatchObject({ percent: 10, isBan: false });
});

test("[PEN5] one assignment counts once, and what is later than the event does not count", () => {
  const [first] = ago("result-refused", 1);
  expect(penaltyFor(refused, [...(first ? [first] : []), refused])).toMatchObject({ isBan: false });
  expect(penaltyFor(refused, ago("result-refused", 1, -1))).toMatchObject({ isBan: false });
});

test("[PEN6] the order of a history and what fell out of its window change no penalty", () => {
  const event = fc.record({ cause: fc.constantFrom(...PENALTY_CAUSES), age: fc.integer({ min: 0, max: 40 * DAY }) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.constantFrom(timedOut, refused), (drawn, now) => {
      const history = drawn.map(({ cause, age }, index) => anEvent(index, cause, NOW - age));
      const penalty = penaltyFor(now, history);
      const recent = history.filter(({ at }) => at > NOW - 30 * DAY);
      expect(penaltyFor(now, recent.toReversed())).toMatchObject({ percent: penalty.percent, isBan: penalty.isBan });
    }),
  );
});
