import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_RERUNS } from "../limits.ts";
import { judge, judgeWithout, type JudgedRerun, type Judgement } from "./judge.ts";
import { RERUN_OUTCOMES, type RerunOutcome } from "./verdict.ts";

const by = (...outcomes: readonly RerunOutcome[]): readonly JudgedRerun[] =>
  outcomes.map((outcome, index) => ({ owner: `owner ${index}`, outcome }));

const said = (judgement: Judgement): string =>
  judgement.kind === "another" ? "another" : `${judgement.verdict}${judgement.isSlashable ? ", slashable" : ""}`;

/** a: agrees, d: disagrees, p: plausible, i: implausible. */
const answers = (letters: string): readonly JudgedRerun[] =>
  by(...letters.split("").map((letter) => RERUN_OUTCOMES.find((outcome) => outcome.startsWith(letter)) ?? "agrees"));

test.each([
  ["", "another"],
  ["a", "verified"],
  ["p", "plausible"],
  ["pa", "plausible"],
])("[VER5] one positive answer decides a job: %j gives %s", (letters, expected) => {
  expect(said(judge(answers(letters), { isAudited: false }))).toBe(expected);
});

test.each([
  ["a", "another"],
  ["p", "another"],
  ["aa", "verified"],
  ["ap", "plausible"],
  ["pa", "plausible"],
  ["pp", "plausible"],
])("[VER6] an audited job needs two, and the weaker one names the verdict: %j gives %s", (letters, expected) => {
  expect(said(judge(answers(letters), { isAudited: true }))).toBe(expected);
});

test.each([
  ["d", "another"],
  ["i", "another"],
  ["dd", "refused, slashable"],
  ["di", "refused"],
  ["id", "refused"],
  ["ii", "refused"],
])("[VER7] two negative answers refuse, and are slashable bit for bit: %j gives %s", (letters, expected) => {
  expect(said(judge(answers(letters), { isAudited: false }))).toBe(expected);
  expect(said(judge(answers(letters), { isAudited: true }))).toBe(expected);
});

test.each([
  ["da", "another"],
  ["ip", "another"],
  ["daa", "verified"],
  ["dap", "plausible"],
  ["dpp", "plausible"],
  ["dad", "refused, slashable"],
  ["dpi", "refused"],
  ["iad", "refused"],
])("[VER8] one against one is decided by a third: %j gives %s", (letters, expected) => {
  expect(said(judge(answers(letters), { isAudited: false }))).toBe(expected);
  expect(said(judge(answers(letters), { isAudited: true }))).toBe(expected);
});

test("[VER9] two answers of one owner count once, the first", () => {
  const own = (...outcomes: readonly RerunOutcome[]): readonly JudgedRerun[] =>
    outcomes.map((outcome) => ({ owner: "one", outcome }));
  expect(said(judge(own("disagrees", "disagrees", "disagrees"), { isAudited: false }))).toBe("another");
  expect(said(judge(own("agrees", "agrees"), { isAudited: true }))).toBe("another");
  const answers = [...own("disagrees", "agrees"), { owner: "two", outcome: "agrees" as const }];
  expect(said(judge(answers, { isAudited: false }))).toBe("another");
});

test.each([
  ["", "unverified"],
  ["a", "verified"],
  ["p", "plausible"],
  ["d", "unverified"],
  ["i", "unverified"],
  ["ad", "unverified"],
  ["dp", "unverified"],
  ["ap", "plausible"],
  ["dd", "refused"],
])("[VER11] when nobody else can re-run it, %j gives %s", (letters, expected) => {
  expect(judgeWithout(answers(letters))).toBe(expected);
});

const reruns = fc.array(
  fc.record({ owner: fc.constantFrom("a", "b", "c", "d", "e"), outcome: fc.constantFrom(...RERUN_OUTCOMES) }),
  { maxLength: 8 },
);
const ownersWho = (all: readonly JudgedRerun[], negative: boolean): number =>
  new Set(
    all
      .filter(({ outcome }) => (outcome === "disagrees" || outcome === "implausible") === negative)
      .map(({ owner }) => owner),
  ).size;

test("[VER7] no refusal rests on one owner, and no slashing without two who disagree", () => {
  fc.assert(
    fc.property(reruns, fc.boolean(), (all, isAudited) => {
      const judgement = judge(all, { isAudited });
      if (judgement.kind !== "decided") return;
      if (judgement.verdict === "refused") expect(ownersWho(all, true)).toBeGreaterThanOrEqual(2);
      else expect(ownersWho(all, false)).toBeGreaterThanOrEqual(isAudited ? 2 : 1);
      const disagreeing = all.filter(({ outcome }) => outcome === "disagrees");
      if (judgement.isSlashable) expect(ownersWho(disagreeing, true)).toBeGreaterThanOrEqual(2);
    }),
  );
});

test("[VER10] three owners always decide, and what is decided stays so", () => {
  fc.assert(
    fc.property(reruns, reruns, fc.boolean(), (all, later, isAudited) => {
      const judgement = judge(all, { isAudited });
      if (new Set(all.map(({ owner }) => owner)).size >= MAX_RERUNS) expect(judgement.kind).toBe("decided");
      if (judgement.kind === "decided") expect(judge([...all, ...later], { isAudited })).toEqual(judgement);
    }),
  );
});

test("[VER11] one word never refuses", () => {
  fc.assert(
    fc.property(reruns, (all) => {
      if (judgeWithout(all) === "refused") expect(ownersWho(all, true)).toBeGreaterThanOrEqual(2);
    }),
  );
});
