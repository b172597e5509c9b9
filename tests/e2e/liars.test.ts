/**
 * The gate of liars: nodes that are paid for training and do not do it, and nodes that are paid for checking and do not
 * do that. Each lie is refused or harmless, whoever lied is not paid, whoever was honest is, and the books balance.
 *
 * What a node says of its devices is another matter: challenges measure that.
 */
import { join } from "node:path";
import { parseAmount, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { drawInterval } from "@cyxwiz/receipt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NodeReport } from "../../apps/server-node/src/central/messages.ts";
import type { Tale } from "./liars/lie.ts";
import { LiarsMarket, PLATFORM, type JobOptions, type Told } from "./liars/liars-market.ts";
import {
  expectBalanced,
  expectRefused,
  expectSumsUp,
  firstDrawn,
  isRefused,
  paidTo,
  storyOf,
  total,
} from "./liars/outcome.ts";
import { contradicting, echoing } from "./liars/rerun-tales.ts";
import {
  blaming,
  garbage,
  hoarding,
  otherData,
  otherwise,
  randomWeights,
  replayed,
  skipping,
  stale,
  wrongModel,
  type Loot,
} from "./liars/training-tales.ts";

const OWNERS = ["ada", "bert", "cleo", "dora"];
/** Jobs until a liar is met: at a chance of a third each, one in 10 million would not do. */
const TRIES = 40;

let market: LiarsMarket;

/** The same lie again and again until a draw meets it. Returns every job. */
async function untilMet(options: JobOptions): Promise<readonly Told[]> {
  const jobs: Told[] = [];
  while (jobs.length < TRIES) {
    const told = await market.run(options);
    jobs.push(told);
    if (isRefused(told.job)) break;
  }
  return jobs;
}

/** Whatever was drawn: a lie is refused exactly when it lies there, and else the user got a job that agreed there. */
async function expectMetWhereItLies(jobs: readonly Told[], isSkipped: (step: number) => boolean): Promise<void> {
  for (const told of jobs) {
    expect(isRefused(told.job)).toBe(isSkipped(firstDrawn(told.job).to));
    expectSumsUp(told.job);
  }
  const met = jobs.at(-1);
  if (met) await expectRefused(market, met);
}

beforeAll(async () => {
  market = await LiarsMarket.start({ owners: OWNERS, auditPercent: 0 });
});

afterAll(async () => {
  await market[Symbol.asyncDispose]();
});

describe("a node that lies about all of its training", () => {
  test.concurrent.for<[string, Tale]>([
    ["writes random numbers for weights", randomWeights],
    ["writes states that nobody can read", garbage],
    ["tells its first state again at every step", skipping(() => true)],
    ["trains at a lower rate than asked", otherwise({ learningRate: 1e-5 })],
    ["trains on other data than it was given", otherData],
    ["trains, and hands over another model", wrongModel],
    ["says that the job cannot be trained", blaming],
  ])("and %s is refused, unpaid, and somebody honest is paid for doing it", async ([_what, tell]) => {
    await expectRefused(market, await market.run({ trainer: { tell }, isQuick: tell !== randomWeights }));
  });
});

describe("a node that skips a part of its training", () => {
  test("half of the intervals: it is met wherever a skipped one is drawn, and nowhere else", async () => {
    const jobs = await untilMet({ isQuick: true, trainer: { tell: skipping((interval) => interval % 2 === 1) } });
    await expectMetWhereItLies(jobs, (step) => step % 2 === 0);
  });

  test("its last epoch: it is met wherever that is drawn", async () => {
    const jobs = await untilMet({
      isQuick: true,
      trainer: { tell: skipping((interval, intervals) => interval >= intervals / 2) },
    });
    await expectMetWhereItLies(jobs, (step) => step > 2);
  });

  test("one interval of three: it is met when that one is drawn", async () => {
    const jobs = await untilMet({
      isQuick: true,
      batchSize: 21,
      epochs: 1,
      trainer: { tell: skipping((interval) => interval === 1) },
    });
    await expectMetWhereItLies(jobs, (step) => step === 2);
  });

  test.for([2, 3, 20, 50, 400])("one interval of %i: it is met often enough to lose by it", (intervals) => {
    const draws = 20_000;
    const totalSteps = 7 * intervals;
    const checkpoints = Array.from({ length: intervals }, (_, index) => 7 * (index + 1));
    const numbers = new PhiloxStream(2026n, STREAM.simulation, intervals);
    const random = (): number => numbers.nextUnit();
    const skipped = 1 + Math.floor(random() * intervals);
    let met = 0;
    for (let draw = 0; draw < draws; draw++) {
      const { from, to } = drawInterval({ checkpoints, from: 0, totalSteps, random });
      if (from < 7 * skipped && 7 * skipped <= to) met++;
    }
    const chance = met / draws;
    const threeSigma = 3 * Math.sqrt(1 / intervals / draws);
    expect(chance).toBeGreaterThan(1 / intervals - threeSigma);
    // Of a pay of 1 for work that costs `cost`: what it saves, and what it loses on average when it is met.
    for (const cost of [0.3, 0.6, 0.9]) {
      const [saved, lost] = [cost / intervals, chance];
      expect(lost).toBeGreaterThan(saved);
    }
  });
});

describe("a node whose report does not stand for its work", () => {
  /** A change of one kind of report. */
  const onReport =
    <Kind extends NodeReport["kind"]>(
      kind: Kind,
      change: (report: Extract<NodeReport, { kind: Kind }>) => NodeReport,
    ) =>
    (report: NodeReport): NodeReport =>
      report.kind === kind ? change(report as Extract<NodeReport, { kind: Kind }>) : report;
  const honest: Tale = otherwise({});

  test("but for an earlier job is refused: rewritten to look like this one's, and with its own objects and root", async () => {
    const loot: Loot = { checkpoints: new Map() };
    let root = "";
    const remember = onReport("result", (result) => {
      root = result.chainRoot;
      return result;
    });
    const hoard = hoarding(loot, join(market.folder, "loot"));
    const earlier = await market.run({ trainer: { tell: hoard, report: remember } });
    expect(earlier.job).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });

    await expectRefused(market, await market.run({ trainer: { tell: stale(loot) }, isQuick: true }));
    const repeat = onReport("result", (result) => ({ ...result, chainRoot: root }));
    const repeated = await market.run({ trainer: { tell: replayed(loot), report: repeat } });
    await expectRefused(market, repeated);
    expect(storyOf(repeated.job)).toContain(`not ${root}`);
  });

  test("without its last checkpoint is refused at once: what it committed before is checked, and somebody else goes on", async () => {
    const report = onReport("checkpoint", (checkpoint) => {
      const { step, assignmentId, fencingToken } = checkpoint;
      if (step < 4) return checkpoint;
      const nothing = { epoch: 0, loss: 0, samplesPerSecond: 0, secondsLeft: 0, elapsedSeconds: 0 };
      return { kind: "progress", step, totalSteps: 4, ...nothing, assignmentId, fencingToken };
    });
    const told = await market.run({ trainer: { tell: honest, report } });
    expect(told.job).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    const { id } = market.node(told.deception.trainer);
    expect(paidTo(told.job, id)).toBeLessThan(parseAmount(told.job.payment.owner));
    expectSumsUp(told.job);
  });
});

describe("a node that lies about a check", () => {
  beforeAll(async () => market.node(PLATFORM).stop());
  afterAll(async () => market.node(PLATFORM).start());

  test.for<[string, Tale]>([
    ["says that honest work came out differently", contradicting],
    ["answers without computing", echoing],
  ])("and %s is outvoted and unpaid; the one who trained is paid in full", async ([_what, tell]) => {
    const { job, deception } = await market.run({ verifier: { tell } });
    const liar = market.node(deception.verifier);
    const trainer = job.node?.node_id ?? "";
    expect(job).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    expect(paidTo(job, trainer)).toBe(parseAmount(job.payment.owner));
    expectSumsUp(job);
    const [first, ...others] = job.verification.reruns;
    expect(first).toMatchObject({ node_id: liar.id, outcome: "disagrees", paid: "0" });
    expect(others.map(({ outcome }) => outcome)).toEqual(["agrees", "agrees"]);
    expect(parseAmount(others[0]?.paid ?? "0")).toBeGreaterThan(0n);
    expect((await market.user.reputation(liar.id)).causes[0]).toBe("rerun-outvoted");
  });
});

describe("an owner who pays for its own jobs", () => {
  test("gains no reputation by any number of them, and what checking costs comes out of its own fees", async () => {
    const node = market.node("ada");
    await expectBalanced(market);
    const owner = await (node.owner ?? market.user).fund();
    const before = await market.user.reputation(node.id);
    const balance = (await owner.wallet()).balance;
    const jobs = [];
    for (let count = 0; count < 2; count++) jobs.push((await market.run({ payer: owner, nodeId: node.id })).job);
    expect(await market.user.reputation(node.id)).toEqual(before);
    for (const { payment, verification } of jobs) {
      expect(verification.verdict).toBe("verified");
      expect(verification.reruns.map(({ node_id }) => node_id)).not.toContain(node.id);
      expect(total([verification.paid])).toBeLessThanOrEqual(parseAmount(payment.platform));
    }
    const lost = parseAmount(balance) - parseAmount((await owner.wallet()).balance);
    expect(lost).toBe(total(jobs.map(({ payment }) => payment.platform)));
  });
});

describe("an honest node", () => {
  test("that is drained in the middle is paid for its steps, and the next one goes on from them", async () => {
    const jobId = await market.submit({ epochs: 3_000 });
    const { node } = await market.until(jobId, ({ checkpoints }) => checkpoints.length > 1);
    const drained = market.node(node?.node_id ?? "");
    // Away until the job is over: it could be given the rest too.
    await drained.stop();
    const job = await market.ended(jobId);
    await drained.start();
    market.jobs.push(job);
    expect(job).toMatchObject({ state: "COMPLETED", step: 6_000, verification: { verdict: "verified" } });
    expectSumsUp(job);
    const { receipt } = await market.user.receipt(jobId);
    const segments = receipt.chain.filter((entry) => entry.kind === "segment");
    expect(segments.map(({ node_id }) => node_id)).toEqual([drained.id, job.node?.node_id]);
    const share = Number(paidTo(job, drained.id)) / Number(parseAmount(job.payment.owner));
    expect(share).toBeGreaterThan(0);
    expect(share).toBeCloseTo((segments[1]?.from_step ?? 0) / 6_000, 6);
  });
});

test("after all of it the books balance, to the last unit", async () => {
  for (const job of market.jobs) expectSumsUp(job);
  await expectBalanced(market);
});
