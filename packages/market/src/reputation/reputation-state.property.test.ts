import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAssignmentId, parseJobId } from "@cyxwiz/primitives";
import { aUser } from "../scheduler/market.fixture.ts";
import { REPUTATION_MAX, REPUTATION_START } from "./reputation.ts";
import { REPUTATION_CAUSES, type ReputationCause, type ReputationChange } from "./reputation-change.ts";
import { isNewNode } from "./reputation-rules.ts";
import { applyCause, countedSuccesses, INITIAL_REPUTATION, rebuildReputation } from "./reputation-state.ts";

const HOUR = 3_600_000;
const OWNER = 9;
const JOB = "00000003-0000-4000-8000-000000000001";

function aChange(cause: ReputationCause, payer: number, hour = 0): ReputationChange {
  const at = hour * HOUR;
  const job = { job_id: parseJobId(JOB), payer_id: aUser(payer), owner_id: aUser(OWNER) };
  switch (cause) {
    case "job-verified":
    case "job-unverified":
      return { at, cause, evidence: job };
    case "canary-passed":
    case "canary-failed":
      return { at, cause, evidence: { job_id: job.job_id, canary_id: `canary-${payer}` } };
    default:
      return { at, cause, evidence: { ...job, assignment_id: parseAssignmentId(JOB) } };
  }
}

const causes = fc.constantFrom(...REPUTATION_CAUSES);

/** In the order of time, over some days, by few payers (one of them the owner), so that repeats are common. */
const histories: fc.Arbitrary<readonly ReputationChange[]> = fc
  .array(fc.record({ cause: causes, payer: fc.integer({ min: 4, max: 16 }), hours: fc.nat(8) }), { maxLength: 60 })
  .map((drawn) => {
    let hour = 0;
    return drawn.map(({ cause, payer, hours }) => aChange(cause, payer, (hour += hours)));
  });

test("[REP7] a reputation rebuilt from its changes is the one that they led to step by step", () => {
  fc.assert(
    fc.property(histories, (history) => {
      let state = INITIAL_REPUTATION;
      for (const change of history) {
        const applied = applyCause(state, change);
        expect(applied.before).toBe(state.score);
        expect(applied.after).toBe(applied.state.score);
        state = applied.state;
      }
      expect(rebuildReputation(history)).toEqual(state);
    }),
  );
});

test("[REP7] what does not count need not be kept", () => {
  fc.assert(
    fc.property(histories, (history) => {
      let state = INITIAL_REPUTATION;
      const kept = history.filter((change) => {
        const applied = applyCause(state, change);
        if (!applied.isCounted) expect(applied.state).toEqual(state);
        state = applied.state;
        return applied.isCounted;
      });
      expect(rebuildReputation(kept)).toEqual(state);
    }),
  );
});

test("[REP7] to apply a change leaves the state that it was applied to as it was", () => {
  const before = rebuildReputation([aChange("job-verified", 1)]);
  applyCause(before, aChange("rerun-confirmed", 2));
  applyCause(before, aChange("canary-passed", 3));
  expect(before).toEqual(rebuildReputation([aChange("job-verified", 1)]));
});

test("[REP4] whatever happens, the score is a whole number from 0 to 10,000", () => {
  fc.assert(
    fc.property(histories, (history) => {
      const { score } = rebuildReputation(history);
      expect(Number.isInteger(score) && score >= 0 && score <= REPUTATION_MAX).toBe(true);
    }),
  );
});

test("[REP5] an owner who pays for its own jobs never raises its node, however many they are", () => {
  fc.assert(
    fc.property(fc.array(causes, { maxLength: 200 }), (drawn) => {
      const history = drawn.filter((cause) => !cause.startsWith("canary")).map((cause) => aChange(cause, OWNER));
      expect(rebuildReputation(history).score).toBeLessThanOrEqual(REPUTATION_START);
      expect(countedSuccesses(rebuildReputation(history))).toBe(0);
    }),
  );
});

test("[REP5] any number of jobs of one payer are worth one, whether the node trained for it or checked its job", () => {
  const jobs = fc.array(fc.constantFrom("job-verified" as const, "rerun-confirmed" as const), { minLength: 1 });
  fc.assert(
    fc.property(jobs, (drawn) => {
      const history = drawn.map((cause, index) => aChange(cause, 1, 24 * index));
      expect(rebuildReputation(history).score).toBe(rebuildReputation(history.slice(0, 1)).score);
    }),
  );
});

test("[REP5] a canary that the node passed before raises it no more; another one does", () => {
  const once = rebuildReputation([aChange("canary-passed", 1)]);
  expect(applyCause(once, aChange("canary-passed", 1))).toMatchObject({
    isCounted: false,
    before: 7_550,
    after: 7_550,
  });
  expect(applyCause(once, aChange("canary-passed", 2))).toMatchObject({ isCounted: true, before: 7_550, after: 7_599 });
  expect(applyCause(once, aChange("canary-failed", 1)).after).toBe(3_775);
});

test("[REP6] four re-runs count in a day; a fifth does not, and its payer stays unknown", () => {
  const day = [1, 2, 3, 4].map((payer) => aChange("rerun-confirmed", payer, payer));
  const full = rebuildReputation(day);
  expect(applyCause(full, aChange("rerun-confirmed", 5, 23)).isCounted).toBe(false);
  expect(applyCause(full, aChange("rerun-confirmed", 5, 24)).isCounted).toBe(true);
  const later = rebuildReputation([...day, aChange("rerun-confirmed", 5, 23)]);
  expect(applyCause(later, aChange("job-verified", 5, 23)).isCounted).toBe(true);
});

test("[REP5] in which order different payers come makes no difference to the score", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 }), (payers) => {
      const { score } = rebuildReputation(payers.map((payer) => aChange("job-verified", payer)));
      expect(score).toBe(
        rebuildReputation([1, 2, 3, 4, 5, 6, 7, 8].map((each) => aChange("job-verified", each))).score,
      );
    }),
  );
});

test("[REP8] successes that count end a node's newness; repeats and failures do not", () => {
  const repeated = Array.from({ length: 50 }, () => aChange("job-verified", 1));
  const failed = [2, 3, 4, 5].map((payer) => aChange("attempt-failed", payer));
  expect(isNewNode(countedSuccesses(rebuildReputation([...repeated, ...failed])))).toBe(true);
  const varied = [
    aChange("job-verified", 1),
    aChange("job-verified", 2),
    aChange("job-verified", 3),
    aChange("rerun-confirmed", 4),
  ];
  expect(isNewNode(countedSuccesses(rebuildReputation(varied)))).toBe(true);
  expect(isNewNode(countedSuccesses(rebuildReputation([...varied, aChange("canary-passed", 1)])))).toBe(false);
});
