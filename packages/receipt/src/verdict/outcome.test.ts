import { expect, test } from "vitest";
import { hashOf } from "../chain/chain.fixture.ts";
import { PLAUSIBLE_DISTANCE } from "../limits.ts";
import { mismatches, MISMATCHES, outcomeOf, type RerunAnswer, type RerunClaim } from "./outcome.ts";

const claim: RerunClaim = {
  initial_sha256: hashOf("initial"),
  end_sha256: hashOf("end"),
  onnx_sha256: hashOf("onnx"),
  weights_sha256: hashOf("weights"),
  failure: null,
};
const model = { onnx_sha256: claim.onnx_sha256, weights_sha256: claim.weights_sha256 };
const failed = { code: "backend/not-finite", step: 33 };
const empty: RerunAnswer = { initial_sha256: "", end_sha256: "", onnx_sha256: "", weights_sha256: "", failure: null };

test("[VER1] equal hashes agree", () => {
  expect(mismatches(claim, claim)).toEqual([]);
  expect(outcomeOf(claim, claim, { mode: "exact" })).toBe("agrees");
});

test.each([
  ["initial", { initial_sha256: hashOf("other") }],
  ["end", { end_sha256: hashOf("other") }],
  ["onnx", { onnx_sha256: "" }],
  ["weights", { weights_sha256: null }],
  ["failure", { failure: failed }],
])("[VER1] another %s disagrees, and is named", (name, answer) => {
  expect(mismatches(claim, { ...claim, ...answer })).toEqual([name]);
  expect(outcomeOf(claim, { ...claim, ...answer }, { mode: "exact" })).toBe("disagrees");
});

test("[VER1] an answer without content disagrees in everything that was claimed", () => {
  expect(mismatches(claim, empty)).toEqual(MISMATCHES.filter((name) => name !== "failure"));
});

test("[VER2] what is not claimed is not compared", () => {
  expect(mismatches({ ...claim, onnx_sha256: null, weights_sha256: null }, claim)).toEqual([]);
  expect(mismatches({ ...claim, initial_sha256: null, end_sha256: null }, { ...empty, ...model })).toEqual([]);
  expect(mismatches({ ...claim, onnx_sha256: null }, { ...claim, onnx_sha256: "" })).toEqual([]);
});

test.each([
  ["the same failure", failed, []],
  ["no failure", null, ["failure"]],
  ["another code", { ...failed, code: "backend/out-of-memory" }, ["failure"]],
  ["another step", { ...failed, step: 34 }, ["failure"]],
])("[VER3] a claimed failure against %s", (_what, failure, expected) => {
  const ended = { ...claim, end_sha256: null, onnx_sha256: null, weights_sha256: null, failure: failed };
  expect(mismatches(ended, { ...empty, initial_sha256: claim.initial_sha256, failure })).toEqual(expected);
});

test.each([
  [0, "plausible"],
  [PLAUSIBLE_DISTANCE, "plausible"],
  [PLAUSIBLE_DISTANCE + 1e-9, "implausible"],
  [-1e-9, "implausible"],
  [Number.NaN, "implausible"],
  [Number.POSITIVE_INFINITY, "implausible"],
  [null, "implausible"],
] as const)(
  "[VER4] across classes a distance of %s is %s, whatever the hashes of the states are",
  (distance, outcome) => {
    expect(outcomeOf(claim, { ...empty, ...model }, { mode: "distance", distance })).toBe(outcome);
    expect(outcomeOf(claim, claim, { mode: "distance", distance })).toBe(outcome);
  },
);

test.each([
  ["another ONNX file", { onnx_sha256: hashOf("other") }],
  ["other weights", { weights_sha256: hashOf("other") }],
  ["no model", { onnx_sha256: null, weights_sha256: "" }],
])("[VER4] across classes %s of the claimed checkpoint is implausible, however near the end is", (_what, answer) => {
  const comparison = { mode: "distance", distance: 0 } as const;
  expect(outcomeOf(claim, { ...claim, ...answer }, comparison)).toBe("implausible");
  const unclaimed = { ...claim, onnx_sha256: null, weights_sha256: null };
  expect(outcomeOf(unclaimed, { ...claim, ...answer }, comparison)).toBe("plausible");
});

test.each([
  ["the same code at a nearby step", failed, { ...failed, step: 34 }, "plausible"],
  ["another code", failed, { ...failed, code: "backend/out-of-memory" }, "implausible"],
  ["none", failed, null, "implausible"],
  ["one that was not claimed", null, failed, "implausible"],
] as const)("[VER4] across classes a failure against %s", (_what, claimed, answered, outcome) => {
  const comparison = { mode: "distance", distance: 0 } as const;
  expect(outcomeOf({ ...claim, failure: claimed }, { ...claim, failure: answered }, comparison)).toBe(outcome);
});
