import { VirtualClock } from "@cyxwiz/platform";
import type { Job } from "@cyxwiz/protocol/rest";
import { assert, expect, test } from "vitest";
import { MarketClient } from "../client/market-client.ts";
import {
  HANG_UP,
  JOB_ID,
  refusal,
  sampleJob,
  settledJob,
  startTestMarket,
  type Answer,
} from "../client/market.fixture.ts";
import { WATCH_ATTEMPTS } from "../limits.ts";
import { isOver, watchJob } from "./watch-job.ts";

interface Watched {
  readonly seen: string[];
  readonly offline: number;
  readonly outcome: PromiseSettledResult<Job>;
}

/** Watches a job whose market gives `answers` in turn, the last one for ever; time moves as fast as the answers come. */
async function watch(answers: Answer[], signal?: AbortSignal): Promise<Watched> {
  await using market = await startTestMarket({ [`GET /api/jobs/${JOB_ID}`]: answers });
  const clock = new VirtualClock();
  const seen: string[] = [];
  let offline = 0;
  const watching = watchJob({
    client: new MarketClient(market.url),
    jobId: JOB_ID,
    clock,
    onUpdate: (job) => seen.push(`${job.state} ${job.payment.escrow_state}`),
    onOffline: () => offline++,
    ...(signal && { signal }),
  });
  const settled: PromiseSettledResult<Job>[] = [];
  void Promise.allSettled([watching]).then((outcomes) => settled.push(...outcomes));
  while (settled.length === 0) await clock.advance(1_000);
  expect(clock.sleeping).toBe(0);
  const [outcome] = settled;
  assert(outcome !== undefined, "the loop ended because there is one");
  return { seen, offline, outcome };
}

const running: Answer = { json: sampleJob() };
const unpaid: Answer = {
  json: sampleJob({ state: "COMPLETED", payment: { ...sampleJob().payment, escrow_state: "SETTLING" } }),
};
const paid: Answer = { json: settledJob() };

test("watching ends when the money has moved, not when the training ends", async () => {
  const { seen, outcome } = await watch([running, unpaid, unpaid, paid]);
  expect(seen).toEqual(["RUNNING LOCKED", "COMPLETED SETTLING", "COMPLETED SETTLING", "COMPLETED SETTLED"]);
  expect(outcome).toMatchObject({ status: "fulfilled", value: { job_id: JOB_ID } });
});

test("watching survives a server that is away for a while, as often as it comes back", async () => {
  const away = Array.from({ length: WATCH_ATTEMPTS }, () => HANG_UP);
  const { seen, offline, outcome } = await watch([running, ...away, running, ...away, paid]);
  expect(outcome.status).toBe("fulfilled");
  expect(seen).toEqual(["RUNNING LOCKED", "RUNNING LOCKED", "COMPLETED SETTLED"]);
  expect(offline).toBe(2 * WATCH_ATTEMPTS);
});

test("watching gives up on a server that stays away", async () => {
  const { outcome } = await watch([running, HANG_UP]);
  expect(outcome).toMatchObject({ status: "rejected", reason: { code: "protocol/unreachable" } });
});

test("watching does not repeat what the market refuses", async () => {
  const { outcome, offline } = await watch([running, { status: 404, json: refusal("NOT_FOUND", "no such job") }, paid]);
  expect(outcome).toMatchObject({ status: "rejected", reason: { code: "protocol/refused" } });
  expect(offline).toBe(0);
});

test("watching ends with its signal", async () => {
  const controller = new AbortController();
  const abort: Answer = (response) => {
    response.end(JSON.stringify(sampleJob()));
    response.once("close", () => controller.abort(new Error("called off")));
  };
  const { outcome } = await watch([abort, running], controller.signal);
  expect(outcome).toMatchObject({ status: "rejected", reason: new Error("called off") });
});

test.each([
  ["FAILED", "SETTLED", true],
  ["CANCELLED", "SETTLED", true],
  ["CANCELLED", "LOCKED", false],
  ["RUNNING", "SETTLED", false],
] as const)("a job that is %s with its escrow %s is over: %s", (state, escrow, over) => {
  expect(isOver(sampleJob({ state, payment: { ...sampleJob().payment, escrow_state: escrow } }))).toBe(over);
});
