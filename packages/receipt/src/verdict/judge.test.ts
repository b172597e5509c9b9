import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_RERUNS } from "../limits.ts";
import { judge, judgeWithout, type JudgedRerun, type Judgement } from "./judge.ts";
import { RERUN_OUTCOMES, type RerunOutcome } from "./verdict.ts";

const said = (judgement: Judgement): string =>
  judgement.kind === "another" ? "another" : `${judgement.verdict}${judgement.isSlashable ? ", slashable" : ""}`;

/** One answer a letter, each of another owner. a: agrees, d: disagrees, p: plausible, i: implausible; trusted in capitals. */
const answers = (letters: string): readonly JudgedRerun[] =>
  letters.split("").map((letter, index) => ({
    owner: `owner ${index}`,
    isTrusted: letter !== letter.toLowerCase(),
    outcome: RERUN_OUTCOMES.find((outcome) => outcome.startsWith(letter.toLowerCase())) ?? "agrees",
  }));

function expectSaid(letters: string, expected: string, audited: readonly boolean[]): void {
  for (const isAudited of audited) expect(said(judge(answers(letters), { isAudited }))).toBe(expected);
}

test.each([
  ["", "another"],
  ["A", "verified"],
  ["P", "plausible"],
  ["PA", "plausible"],
])("[VER5] one trusted positive answer decides a job: %j gives %s", (letters, expected) => {
  expectSaid(letters, expected, [false]);
});

test.each([
  ["a", "another"],
  ["aa", "another"],
  ["aaaaa", "another"],
  ["ppppp", "another"],
  ["aA", "verified"],
  ["pA", "plausible"],
  ["aP", "plausible"],
])("[VER5] a ring of owners who are not trusted decides nothing alone: %j gives %s", (letters, expected) => {
  expectSaid(letters, expected, [false, true]);
});

test.each([
  ["A", "another"],
  ["P", "another"],
  ["AA", "verified"],
  ["Aa", "verified"],
  ["aA", "verified"],
  ["aa", "another"],
  ["AP", "plausible"],
  ["Ap", "plausible"],
  ["PP", "plausible"],
])("[VER6] an audited job needs two, one of them trusted: %j gives %s", (letters, expected) => {
  expectSaid(letters, expected, [true]);
});

test.each([
  ["D", "another"],
  ["I", "another"],
  ["dd", "another"],
  ["ddddd", "another"],
  ["di", "another"],
  ["DD", "refused, slashable"],
  ["Dd", "refused, slashable"],
  ["dD", "refused, slashable"],
  ["ddD", "refused, slashable"],
  ["diD", "refused"],
  ["DI", "refused"],
  ["iD", "refused"],
  ["ii", "another"],
  ["Ii", "refused"],
])(
  "[VER7] two negative answers refuse where one is trusted, slashable bit for bit: %j gives %s",
  (letters, expected) => {
    expectSaid(letters, expected, [false, true]);
  },
);

test.each([
  ["DA", "another"],
  ["dA", "another"],
  ["IP", "another"],
  ["Daa", "another"],
  ["Ddaa", "refused, slashable"],
  ["daaaa", "another"],
  ["DAA", "verified"],
  ["DaA", "verified"],
  ["dAa", "verified"],
  ["ddAa", "verified"],
  ["DAp", "plausible"],
  ["dPp", "plausible"],
  ["DAd", "refused, slashable"],
  ["dAD", "refused, slashable"],
  ["daad", "another"],
  ["dpI", "refused"],
  ["iaD", "refused"],
])("[VER8] one against one is decided by others: %j gives %s", (letters, expected) => {
  expectSaid(letters, expected, [false, true]);
});

test("[VER9] two answers of one owner count once, the first", () => {
  const own = (...outcomes: readonly RerunOutcome[]): readonly JudgedRerun[] =>
    outcomes.map((outcome) => ({ owner: "one", isTrusted: true, outcome }));
  expect(said(judge(own("disagrees", "disagrees", "disagrees"), { isAudited: false }))).toBe("another");
  expect(said(judge(own("agrees", "agrees"), { isAudited: true }))).toBe("another");
  const all = [...own("disagrees", "agrees"), { owner: "two", isTrusted: true, outcome: "agrees" as const }];
  expect(said(judge(all, { isAudited: false }))).toBe("another");
});

test.each([
  ["", "unverified"],
  ["A", "verified"],
  ["P", "plausible"],
  ["Ap", "plausible"],
  ["a", "unverified"],
  ["p", "unverified"],
  ["aa", "plausible"],
  ["ppp", "plausible"],
  ["aaA", "verified"],
  ["d", "contested"],
  ["D", "contested"],
  ["i", "contested"],
  ["dd", "contested"],
  ["ddA", "unverified"],
  ["dddA", "unverified"],
  ["ID", "refused"],
  ["Ia", "contested"],
  ["Daaaa", "contested"],
  ["AD", "unverified"],
  ["dP", "unverified"],
  ["aad", "unverified"],
  ["Daa", "contested"],
  ["ddAA", "verified"],
  ["Dd", "refused"],
])("[VER11] when nobody else can re-run it, %j gives %s", (letters, expected) => {
  expect(judgeWithout(answers(letters))).toBe(expected);
});

const owners = ["a", "b", "c", "d", "e", "f", "g"] as const;
/** Whether an owner is trusted does not change between its answers. */
const reruns: fc.Arbitrary<readonly JudgedRerun[]> = fc
  .record({
    trusted: fc.subarray([...owners]),
    drawn: fc.array(fc.record({ owner: fc.constantFrom(...owners), outcome: fc.constantFrom(...RERUN_OUTCOMES) }), {
      maxLength: 12,
    }),
  })
  .map(({ trusted, drawn }) => {
    const isTrusted = new Set<string>(trusted);
    return drawn.map((rerun) => ({ ...rerun, isTrusted: isTrusted.has(rerun.owner) }));
  });

const isNegative = ({ outcome }: JudgedRerun): boolean => outcome === "disagrees" || outcome === "implausible";
const ownersOf = (all: readonly JudgedRerun[]): number => new Set(all.map(({ owner }) => owner)).size;
const trustedOf = (all: readonly JudgedRerun[]): readonly JudgedRerun[] => all.filter(({ isTrusted }) => isTrusted);

test("[VER5] [VER6] [VER7] every verdict has a trusted answer, no refusal one owner, no slashing one without bits", () => {
  fc.assert(
    fc.property(reruns, fc.boolean(), (all, isAudited) => {
      const judgement = judge(all, { isAudited });
      if (judgement.kind !== "decided") return;
      const isRefused = judgement.verdict === "refused";
      const side = all.filter((rerun) => isNegative(rerun) === isRefused);
      expect(ownersOf(side)).toBeGreaterThanOrEqual(isRefused || isAudited ? 2 : 1);
      expect(trustedOf(side)).not.toEqual([]);
      const disagreeing = side.filter(({ outcome }) => outcome === "disagrees");
      if (!judgement.isSlashable) return;
      expect(ownersOf(disagreeing)).toBeGreaterThanOrEqual(2);
      expect(trustedOf(disagreeing)).not.toEqual([]);
    }),
  );
});

test("[VER10] three trusted owners among the first five always decide, and what is decided stays so", () => {
  fc.assert(
    fc.property(reruns, reruns, fc.boolean(), (all, later, isAudited) => {
      const judgement = judge(all, { isAudited });
      const asked = new Set([...new Set(all.map(({ owner }) => owner))].slice(0, MAX_RERUNS));
      const counted = trustedOf(all).filter(({ owner }) => asked.has(owner));
      if (ownersOf(counted) >= 3) expect(judgement.kind).toBe("decided");
      if (judgement.kind === "decided") expect(judge([...all, ...later], { isAudited })).toEqual(judgement);
    }),
  );
});

test("[VER10] what owners after the fifth say is not heard", () => {
  expect(said(judge(answers("aaaaaA"), { isAudited: false }))).toBe("another");
  expect(judgeWithout(answers("aaaaaA"))).toBe("plausible");
});

test("[VER11] one word never refuses, and no verdict but plausible is given without a trusted one", () => {
  fc.assert(
    fc.property(reruns, (all) => {
      const verdict = judgeWithout(all);
      if (verdict === "refused") expect(ownersOf(all.filter(isNegative))).toBeGreaterThanOrEqual(2);
      if (verdict === "refused" || verdict === "verified") expect(trustedOf(all)).not.toEqual([]);
      if (verdict === "contested") expect(all.some(isNegative)).toBe(true);
    }),
  );
});
