import type { NodeId, UnitId } from "@cyxwiz/primitives";
import { describe, expect, test } from "vitest";
import { areRelated, askedTogether, type ChallengeCandidate } from "./asked-together.ts";
import { judgeChallenge, judgeSilence, unitEventAfter } from "./challenge-outcome.ts";
import { challengeText } from "./challenge-text.ts";
import { drawInterval, isDue, nextChallengeIn, registrationIsDue } from "./challenge-time.ts";
import type { EndedChallenge } from "./challenge-time.ts";
import {
  BUSY_RETRY_MS,
  COMPANY_AFTER_MS,
  FAILED_RETRY_MS,
  IDLE_MS,
  LONGEST_RETRY_MS,
  MAX_TOGETHER,
  MEAN_AFTER_FALL_MS,
  MEAN_INTERVAL_MS,
  REGISTRATION_PAUSE_MS,
} from "./limits.ts";

describe("[CAL5] an answer", () => {
  const answer = { isBusy: false, code: "", isRight: true, seconds: 2, secondsAllowed: 60 };
  test.each([
    [{}, "passed"],
    [{ isRight: false }, "failed"],
    [{ isRight: undefined }, undefined],
    [{ seconds: 61 }, "late"],
    [{ code: "node/x" }, "unable"],
    [{ isBusy: true, seconds: 61 }, "busy"],
  ])("of %o is %s", (change, outcome) => {
    expect(judgeChallenge({ ...answer, ...change })).toBe(outcome);
  });

  test("that never comes counts only while the node is there", () => {
    expect(judgeSilence({ isNodeHere: true })).toBe("silent");
    expect(judgeSilence({ isNodeHere: false })).toBe("called-off");
  });
});

test("[CAL8] a wrong answer breaks a unit, a right one heals it, and three misses in a row break it", () => {
  expect(unitEventAfter(["failed", "passed"])).toBe("self-test-failed");
  expect(unitEventAfter(["passed", "failed"])).toBe("self-test-passed");
  expect(unitEventAfter(["late", "silent"])).toBeUndefined();
  expect(unitEventAfter(["late", "passed", "silent", "silent"])).toBeUndefined();
  expect(unitEventAfter(["late", "silent", "unable", "passed"])).toBe("self-test-failed");
});

test("[CAL8] being busy or gone never counts, neither for nor against", () => {
  expect(unitEventAfter(["busy", "called-off", "busy"])).toBeUndefined();
  expect(unitEventAfter(["silent", "busy", "late"])).toBeUndefined();
  expect(unitEventAfter(["silent", "busy", "late", "called-off", "late"])).toBe("self-test-failed");
});

describe("[CAL9] the next challenge", () => {
  const ended: EndedChallenge = {
    outcome: "passed",
    timesInRow: 1,
    calibration: undefined,
    hasCompanyLeft: false,
    random: () => 1 - 1 / Math.E,
  };

  test("comes at random after a passed one, sooner after a fall, and soon with the company that is left", () => {
    expect(nextChallengeIn(ended)).toBeCloseTo(MEAN_INTERVAL_MS);
    const calibration = { class: "c", curve: [{ size: 64, flopsPerSecond: 1 }], best: 2, measuredAt: 0 };
    expect(nextChallengeIn({ ...ended, calibration })).toBeCloseTo(MEAN_AFTER_FALL_MS);
    expect(nextChallengeIn({ ...ended, hasCompanyLeft: true })).toBe(COMPANY_AFTER_MS);
    expect(drawInterval(10, () => 1 - 1e-16)).toBe(40);
    expect(drawInterval(10, () => 0)).toBeCloseTo(0);
  });

  test("waits longer after every miss, up to an hour", () => {
    const after = (outcome: EndedChallenge["outcome"], timesInRow: number): number =>
      nextChallengeIn({ ...ended, outcome, timesInRow });
    expect([after("busy", 1), after("busy", 2)]).toEqual([BUSY_RETRY_MS, 2 * BUSY_RETRY_MS]);
    expect(after("called-off", 1)).toBe(BUSY_RETRY_MS);
    for (const outcome of ["failed", "late", "silent", "unable"] as const) {
      expect([after(outcome, 1), after(outcome, 3)]).toEqual([FAILED_RETRY_MS, 4 * FAILED_RETRY_MS]);
    }
    expect(after("late", 1_000)).toBe(LONGEST_RETRY_MS);
  });

  test("waits until the device has been idle for a moment", () => {
    expect(isDue({ now: 10_000, nextAt: 10_000, idleSince: 10_000 - IDLE_MS })).toBe(true);
    expect(isDue({ now: 10_000, nextAt: 10_000, idleSince: 10_001 - IDLE_MS })).toBe(false);
    expect(isDue({ now: 10_000, nextAt: 10_000, idleSince: undefined })).toBe(false);
    expect(isDue({ now: 10_000, nextAt: 10_001, idleSince: 0 })).toBe(false);
  });

  test("comes with a registration, unless the unit showed the same a moment ago", () => {
    const calibration = { class: "c", curve: [], best: 0, measuredAt: 1_000 };
    const unit = { now: 2_000, class: "c", calibration, isBroken: false };
    expect(registrationIsDue(unit)).toBe(false);
    expect(registrationIsDue({ ...unit, calibration: undefined })).toBe(true);
    expect(registrationIsDue({ ...unit, class: "d" })).toBe(true);
    expect(registrationIsDue({ ...unit, isBroken: true })).toBe(true);
    expect(registrationIsDue({ ...unit, now: 1_000 + REGISTRATION_PAUSE_MS })).toBe(true);
  });
});

describe("[CAL10] units asked in the same moment", () => {
  function aCandidate(number: number, change: Partial<ChallengeCandidate> = {}): ChallengeCandidate {
    return {
      unitId: `unit_gpu0_${String(number).padStart(6, "0")}` as UnitId,
      nodeId: `node-${number}` as NodeId,
      deviceType: "gpu",
      deviceKey: `device-${number}`,
      deviceCapacity: 8,
      allocatedCapacity: 8,
      fingerprint: null,
      ipAddress: `192.0.2.${number}`,
      isMeasured: true,
      ...change,
    };
  }

  test("are those of the machine, and of nodes with its fingerprint or address and the same kind of device", () => {
    const unit = aCandidate(1, { fingerprint: "f" });
    expect(areRelated(unit, aCandidate(2, { nodeId: unit.nodeId, deviceType: "cpu" }))).toBe(true);
    expect(areRelated(unit, aCandidate(2, { fingerprint: "f" }))).toBe(true);
    expect(areRelated(unit, aCandidate(2, { ipAddress: unit.ipAddress }))).toBe(true);
    expect(areRelated(unit, aCandidate(2, { ipAddress: unit.ipAddress, deviceType: "cpu" }))).toBe(false);
    expect(areRelated(unit, aCandidate(2))).toBe(false);
    expect(areRelated(aCandidate(1, { ipAddress: "" }), aCandidate(2, { ipAddress: "" }))).toBe(false);
  });

  test("are only those that were measured alone before, and not too many", () => {
    const [first, ...others] = Array.from({ length: 40 }, (_, number) =>
      aCandidate(number, { ipAddress: "192.0.2.1" }),
    );
    if (!first) throw new TypeError("forty units");
    expect(askedTogether(first, [first, ...others])).toHaveLength(MAX_TOGETHER);
    const unmeasured = others.map((other) => ({ ...other, isMeasured: false }));
    expect(askedTogether(first, unmeasured)).toEqual([first]);
  });

  test("never exceed a device that they openly share", () => {
    const shared = { deviceType: "cpu", deviceKey: "d", fingerprint: "f", deviceCapacity: 4 } as const;
    const two = [1, 2, 3].map((number) => aCandidate(number, { ...shared, allocatedCapacity: 2 }));
    expect(askedTogether(two[0] ?? aCandidate(0), two)).toHaveLength(2);
    const whole = [1, 2].map((number) => aCandidate(number, { ...shared, allocatedCapacity: 4 }));
    expect(askedTogether(whole[0] ?? aCandidate(0), whole)).toHaveLength(1);
    const gpus = [1, 2].map((number) => aCandidate(number, { deviceKey: "d", fingerprint: "f", allocatedCapacity: 1 }));
    expect(askedTogether(gpus[0] ?? aCandidate(0), gpus)).toHaveLength(1);
  });
});

test("[CAL11] the signed text is the task in canonical form", () => {
  const task = { challengeId: "c", unitId: "u", seed: "18446744073709551615", secondsAtMost: 60 };
  expect(challengeText({ ...task, rounds: [{ size: 64, products: 2 }] })).toBe(
    '{"challenge_id":"c","rounds":[{"products":2,"size":64}],"seconds_at_most":60,"seed":"18446744073709551615","unit_id":"u"}',
  );
});
