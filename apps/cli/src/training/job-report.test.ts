import { expect, test } from "vitest";
import { sampleJob, settledJob } from "../client/market.fixture.ts";
import { curveText, jobSeconds, paymentLines, placementLines, resultLines } from "./job-report.ts";

const plain = { color: false };

test("the payment adds up: owner, platform and refund are what was quoted", () => {
  expect(paymentLines(settledJob())).toEqual([
    "  Quoted and escrowed  2.5 CYXWIZ",
    "    owner    90 %      1.8",
    "    platform 10 %      0.2",
    "    back to you        0.5",
  ]);
});

test("a finished job shows what it reached, in what time, and that nobody checked it", () => {
  expect(resultLines(settledJob(), plain)).toEqual([
    "Digits CNN: completed in 60 s, 1000 of 1000 steps",
    "  Accuracy on held-out data  97.5 %",
    "  Loss on held-out data      0.0812",
    "  Verification               unverified: nobody has re-run a part of this work",
  ]);
  expect(resultLines(settledJob({ verification: "verified" }), plain).at(-1)).toBe(
    "  Verification               verified",
  );
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
