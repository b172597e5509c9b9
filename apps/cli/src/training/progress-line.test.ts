import { JOB_STATES, type Job } from "@cyxwiz/protocol/rest";
import { expect, test } from "vitest";
import { sampleJob, VERIFIED } from "../client/market.fixture.ts";
import { progressLine } from "./progress-line.ts";

const plain = { color: false };

const LINES: Record<Job["state"], string> = {
  CREATED: "created",
  QUEUED: "waiting for the escrow",
  ESCROWED: "paid into escrow, waiting for a node: all units are busy",
  ASSIGNED: "assigned on node-alpha, which fetches the data",
  RUNNING: "██████████░░░░░░░░░░ 50.0 %  epoch 2/4  loss 0.2500  accuracy 90.0 %  12.3k samples/s  42 s left",
  VERIFYING: "finished, the result is being checked",
  COMPLETED: "finished, the payment is on its way",
  FAILED: "failed, the refund is on its way",
  CANCELLED: "cancelled, the refund is on its way",
};

test.each(JOB_STATES)("a job that is %s has its line", (state) => {
  expect(progressLine(sampleJob({ state, waiting_because: "all units are busy" }), plain)).toBe(LINES[state]);
});

test("what is not known yet is left out, and the first epoch is epoch 1", () => {
  const unknown = { loss: null, accuracy: null, samples_per_second: null, seconds_left: null };
  expect(progressLine(sampleJob({ ...unknown, progress: 0, epoch: 0 }), plain)).toBe(
    "░░░░░░░░░░░░░░░░░░░░ 0.0 %  epoch 1/4",
  );
});

test("a job that waits without a reason or a node says only that it waits", () => {
  expect(progressLine(sampleJob({ state: "ESCROWED" }), plain)).toBe("paid into escrow, waiting for a node");
  expect(progressLine(sampleJob({ state: "ASSIGNED", node: null }), plain)).toBe("assigned, which fetches the data");
});

test("a job that is being checked says what is run again, and by whom", () => {
  const check = (reruns: Job["verification"]["reruns"]): string => {
    const verification = { verdict: "pending", interval: { from: 600, to: 620 }, reruns, paid: "0" } as const;
    return progressLine(sampleJob({ state: "VERIFYING", verification: { ...verification, reruns } }), plain);
  };
  const running = VERIFIED.reruns.map((rerun) => ({ ...rerun, outcome: null }));
  expect(check([])).toBe("finished, steps 601–620 are run again as soon as a node is free");
  expect(check(running)).toBe("finished, steps 601–620 are run again by platform-verifier to check the result");
});
