import type { Job } from "@cyxwiz/protocol/rest";
import { expect, test } from "vitest";
import { sampleJob, settledJob, VERIFIED } from "../client/market.fixture.ts";
import { requireCompleted, requireVerified } from "./job-outcome.ts";
import { curveText, jobSeconds, paymentLines, placementLines, resultLines, verificationLine } from "./job-report.ts";

const plain = { color: false };

test("the payment adds up: owner, platform and refund are what was quoted", () => {
  expect(paymentLines(settledJob())).toEqual([
    "  Quoted and escrowed  2.5 CYXWIZ",
    "    owner    90 %      1.8",
    "    platform 10 %      0.2",
    "      of it for checking 0.004, to platform-verifier",
    "    back to you        0.5",
  ]);
});

test("a finished job shows what it reached, in what time, and how it was checked", () => {
  expect(resultLines(settledJob(), plain)).toEqual([
    "Digits CNN: completed in 60 s, 1000 of 1000 steps",
    "  Accuracy on held-out data  97.5 %",
    "  Loss on held-out data      0.0812",
    "  Verification               verified: steps 601–620 were run again by platform-verifier, bit-equal",
  ]);
});

const [RERUN] = VERIFIED.reruns as [Job["verification"]["reruns"][number]];
const interval = { from: 600, to: 620 };
test.each<[string, Partial<Job["verification"]>]>([
  ["pending: not checked yet", { verdict: "pending", interval: null, reruns: [] }],
  ["pending: steps 601–620 are run again", { verdict: "pending", interval, reruns: [] }],
  [
    "pending: steps 601–620 are run again by platform-verifier",
    { verdict: "pending", reruns: [{ ...RERUN, outcome: null }] },
  ],
  [
    "verified: step 601 was run again by platform-verifier and node-beta, bit-equal",
    {
      interval: { from: 600, to: 601 },
      reruns: [
        { ...RERUN, node_name: "node-gamma", outcome: "disagrees" },
        RERUN,
        { ...RERUN, node_name: "node-beta" },
      ],
    },
  ],
  [
    "plausible: steps 601–620 were run again on other hardware by platform-verifier, at distance 0.012",
    { verdict: "plausible", reruns: [{ ...RERUN, outcome: "plausible", distance: 0.0123 }] },
  ],
  ["unverified: nobody could re-run it", { verdict: "unverified", interval: null, reruns: [] }],
  [
    "refused: steps 601–620 were run again by platform-verifier, with another result",
    { verdict: "refused", reruns: [{ ...RERUN, outcome: "disagrees" }] },
  ],
])("how a result was checked is one line: %s", (line, different) => {
  expect(verificationLine(settledJob({ verification: { ...VERIFIED, ...different } }))).toBe(line);
});

test("a job that is done counts, one that ended otherwise or was not checked is refused with the reason", () => {
  const unverified = settledJob({ verification: { ...VERIFIED, verdict: "unverified", interval: null, reruns: [] } });
  expect(() => {
    requireCompleted(settledJob());
    requireVerified(settledJob());
    requireCompleted(unverified);
  }).not.toThrow();
  expect(() => requireCompleted(settledJob({ state: "CANCELLED" }))).toThrow("ended as CANCELLED: cancelled");
  expect(() => requireVerified(unverified)).toThrow("the verdict is unverified: nobody could re-run it");
});

test("a failed job says why, and whose fault it was", () => {
  const failure = { blame: "job", code: "backend/loss-not-finite", message: "the loss became NaN at step 12" } as const;
  const lines = resultLines(settledJob({ state: "FAILED", metrics: {}, failure }), plain);
  expect(lines[0]).toContain("Digits CNN: failed");
  expect(lines).toContain("  Why it ended               the loss became NaN at step 12 (job)");
  expect(lines.join("\n")).not.toContain("Accuracy");
});

test("the placement names the node, its score term by term, and the runners-up", () => {
  const breakdown = { price: 40.04, reputation: 12, latency: 0 };
  const runner = { node_name: "node-beta", unit_id: "unit_cpu0_b", score: 40, breakdown: { price: 40 } };
  const other = { node_name: "node-gamma", unit_id: "unit_cpu0_c", cost: "0.5", seconds_expected: 30, score: 39.5 };
  const placement = { score: 52.04, breakdown, runners_up: [runner], other_offers: [other] };
  expect(placementLines(sampleJob({ placement }))).toEqual([
    "  node-alpha (CPU) trained it",
    "    node-alpha   score 52.0 (price 40.0, reputation 12.0)",
    "    node-gamma   score 39.5 when quoted, would have cost 0.5 CYXWIZ, 30 s",
    "    node-beta    score 40.0 (price 40.0)",
  ]);
  expect(placementLines(sampleJob())).toEqual(["  node-alpha (CPU) trained it"]);
  expect(placementLines(sampleJob({ node: null }))).toEqual(["  No node took this job."]);
});

test("a job that never started took no time, and a job without losses draws no curve", () => {
  expect(jobSeconds(sampleJob({ started_at: null }))).toBe(0);
  expect(jobSeconds(settledJob())).toBe(60);
  expect(curveText([], { width: 80 })).toBe("Training loss: too few points to draw");
});
