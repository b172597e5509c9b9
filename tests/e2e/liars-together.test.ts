/**
 * The gate of liars, together: a node that does not train, and a friend of its owner who checks it and says that all is
 * well. Every job here is audited, so two owners have to agree.
 */
import { chooseVerifier, type VerifierUnit } from "@cyxwiz/market";
import { parseAmount, parseNodeId, parseUnitId, PhiloxStream, STREAM, type UserId } from "@cyxwiz/primitives";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LiarsMarket, PLATFORM } from "./liars/liars-market.ts";
import { expectBalanced, expectRefused, isRefused } from "./liars/outcome.ts";
import { echoing, Whisper } from "./liars/rerun-tales.ts";
import { randomWeights } from "./liars/training-tales.ts";

let market: LiarsMarket;

beforeAll(async () => {
  market = await LiarsMarket.start({ owners: ["ada", "bert", "cleo", "dora"], auditPercent: 100 });
  // The friend is drawn first then: the worst case.
  await market.node(PLATFORM).stop();
});

afterAll(async () => {
  await market[Symbol.asyncDispose]();
});

test("a friend who is told every hash agrees, and two others refuse it all the same; neither liar is paid", async () => {
  const whisper = new Whisper();
  const trainer = whisper.passing({ tell: randomWeights });
  const told = await market.run({ trainer, verifier: { tell: whisper.agreeing } });
  await expectRefused(market, told);
  const friend = market.node(told.deception.verifier);
  const reruns = told.job.events.filter(({ kind }) => kind === "rerun").map(({ message }) => message);
  expect(reruns[0]).toMatch(new RegExp(`^${friend.name} .* agrees$`));
  expect(reruns.slice(1, 3).every((text) => text.includes("disagrees"))).toBe(true);
  expect((await market.user.reputation(friend.id)).causes).toContain("rerun-outvoted");
});

test("a friend who is told nothing cannot agree: what it is given does not hold what is expected", async () => {
  const told = await market.run({ trainer: { tell: randomWeights }, verifier: { tell: echoing } });
  await expectRefused(market, told);
});

test("an honest job that is audited is run again by two owners, who are both paid", async () => {
  const { job } = await market.run();
  expect(isRefused(job)).toBe(false);
  expect(job).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  expect(job.verification.reruns.map(({ outcome }) => outcome)).toEqual(["agrees", "agrees"]);
  expect(new Set(job.verification.reruns.map(({ node_id }) => node_id)).size).toBe(2);
  for (const { paid } of job.verification.reruns) expect(parseAmount(paid)).toBeGreaterThan(0n);
});

test("the books balance, to the last unit", async () => {
  await expectBalanced(market);
});

test("who checks cannot be arranged: one friend among ten is drawn for a tenth of the jobs, whatever it does", () => {
  const fleet = Array.from({ length: 10 }, (_, number) => aVerifier(number));
  const demand = {
    needs: { peakMemoryBytes: 1 },
    lowering: "ort",
    build: "1",
    hardwareClass: "x64",
    threads: 4,
    excludedOwners: new Set<UserId>(),
    excludedNodes: new Set<never>(),
    isCrossClassAllowed: false,
  };
  const random = new PhiloxStream(2026n, STREAM.simulation, 0);
  const draws = 10_000;
  // Cheap, quick and first in every list: none of it counts.
  const friend = { ...aVerifier(0), pricePerHour: parseAmount("0"), trainFlopsPerSecond: 1e15, priority: 1 };
  let drawn = 0;
  for (let draw = 0; draw < draws; draw++) {
    const chosen = chooseVerifier([friend, ...fleet.slice(1)], demand, () => random.nextUnit());
    if (chosen?.unit === friend) drawn++;
  }
  const threeSigma = 3 * Math.sqrt((0.1 * 0.9) / draws);
  expect(Math.abs(drawn / draws - 0.1)).toBeLessThan(threeSigma);
  // A lie that costs nothing is believed where the friend is drawn and no audit asks a second one: at most that part of
  // the pay, where honest work brings all of it.
  for (const audited of [0, 0.1, 1]) expect((drawn / draws) * (1 - audited)).toBeLessThan(0.11);
});

function aVerifier(number: number): VerifierUnit {
  const digit = number.toString(16);
  return {
    unitId: parseUnitId(`unit_cpu0_aaaaaa${digit}`),
    nodeId: parseNodeId(`00000000-0000-4000-8000-00000000000${digit}`),
    ownerId: `10000000-0000-4000-8000-00000000000${digit}` as UserId,
    deviceType: "cpu",
    deviceKey: `machine${digit}/cpu/0`,
    deviceCapacity: 1,
    allocatedCapacity: 1,
    memoryBytes: 8e9,
    pricePerHour: parseAmount("1"),
    trainFlopsPerSecond: 1e10,
    reputation: 7_500,
    isNew: false,
    activeJobs: 0,
    status: "ACTIVE",
    online: true,
    lowerings: ["ort"],
    priority: 0,
    build: "1",
    hardwareClass: "x64",
    threads: 4,
    isPlatform: false,
    isTrusted: true,
  };
}
