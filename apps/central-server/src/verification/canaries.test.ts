import { amount } from "@cyxwiz/primitives";
import { describe, expect, it } from "vitest";
import { PLATFORM_USER_ID } from "../accounts/platform-account.ts";
import type { TestUser } from "../assignments/market.fixture.ts";
import { ScriptedMarket, type Hired } from "./scripted-market.fixture.ts";
import type { Lie } from "./scripted-training.fixture.ts";

interface Sent {
  readonly world: ScriptedMarket;
  readonly platform: TestUser;
  readonly trainer: Hired;
}

/** A market in which the platform submits jobs of its own; draws the first interval. */
async function market(): Promise<Sent> {
  const world = await ScriptedMarket.create({
    verification: { establishedSuccesses: 5 },
    secureRandom: () => 0.01,
  });
  const trainer = await world.hire("trainer");
  const platform = await world.market.login({ id: PLATFORM_USER_ID });
  return { world, platform, trainer };
}

async function fund({ world }: Sent, units: bigint = 10_000_000_000n): Promise<void> {
  const gift = { to: PLATFORM_USER_ID, amount: amount(units), idempotencyKey: "canaries" };
  await world.market.context.rail.faucet(gift);
}

/** The platform's own job of one computation, trained by whoever gets it and checked by whoever is asked. */
async function platformJob({ world, platform }: Sent, lie?: Lie): Promise<string> {
  const request = await world.market.quoteRequest(platform);
  const { jobId } = await world.submit({ ...request, settings: { ...request.settings, seed: "7" } }, platform);
  await world.train(jobId, lie);
  while ((await world.state(jobId)) === "VERIFYING") {
    await world.market.schedule();
    if (!(await world.holder(jobId))) break;
    await world.verify(jobId);
  }
  return jobId;
}

async function verdictOf({ world }: Sent, jobId: string): Promise<string> {
  const { db } = world.market.context;
  const row = await db.selectFrom("jobs").select("verification").where("id", "=", jobId).executeTakeFirstOrThrow();
  return row.verification;
}

async function causesOf({ world }: Sent, { node }: Hired): Promise<readonly string[]> {
  const rows = await world.market.context.db
    .selectFrom("reputation_receipts")
    .select("cause")
    .where("machine_id", "=", node.machine.nodeId)
    .orderBy("id")
    .execute();
  return rows.map(({ cause }) => cause);
}

async function sentJob({ world }: Sent): Promise<string | undefined> {
  const { db } = world.market.context;
  const row = await db.selectFrom("jobs").select("id").where("state", "=", "ESCROWED").executeTakeFirst();
  return row?.id;
}

describe("a canary", () => {
  it("is checked by the platform's own node, though the platform pays for it", async () => {
    const sent = await market();
    await using _ = sent.world;
    await fund(sent);
    await sent.world.platformNode();
    const jobId = await platformJob(sent);
    expect(await sent.world.state(jobId)).toBe("COMPLETED");
    expect(await verdictOf(sent, jobId)).toBe("verified");
    expect(await causesOf(sent, sent.trainer)).not.toContain("canary-passed");
  });

  it("[REP3] raises who gives the known answer, and lowers who does not though the steps that were drawn are right", async () => {
    const sent = await market();
    await using _ = sent.world;
    const { world, trainer } = sent;
    await fund(sent);
    await world.platformNode();
    await platformJob(sent);
    await platformJob(sent);
    expect(await causesOf(sent, trainer)).toContain("canary-passed");
    await world.dismiss(trainer);
    await world.pass(60_000, world.hired.slice(1));
    const liar = await world.hire("liar");
    const jobId = await platformJob(sent, { randomAfter: 50 });
    expect(await verdictOf(sent, jobId)).toBe("verified");
    expect(await causesOf(sent, liar)).toContain("canary-failed");
    expect(await world.reputation(liar.node.machine.nodeId)).toBeLessThan(7_500);
  });

  it("has no known answer where others than the platform's node said that it is right", async () => {
    const sent = await market();
    await using _ = sent.world;
    const { world, trainer } = sent;
    await fund(sent);
    await world.hire("established", { successes: 5 });
    await platformJob(sent, { randomAfter: 50 });
    await platformJob(sent);
    expect((await causesOf(sent, trainer)).filter((cause) => cause.startsWith("canary"))).toEqual([]);
  });
});

describe("the loop that sends canaries", () => {
  it("submits a known computation to a node by name, from the platform's wallet", async () => {
    const sent = await market();
    await using _ = sent.world;
    const { world, platform, trainer } = sent;
    await fund(sent);
    await world.platformNode();
    await platformJob(sent);
    await world.market.settle();
    const before = await world.market.balance(platform);
    expect(await world.market.market.canaries.send()).toBe(true);
    expect(await world.market.balance(platform)).toBeLessThan(before);
    const jobId = (await sentJob(sent)) ?? "";
    const { node } = await world.train(jobId);
    expect(node).toBe(trainer.node);
    await world.verify(jobId);
    expect(await causesOf(sent, trainer)).toContain("canary-passed");
  });

  it("sends none that only others than the platform's node have checked: it could find nothing out", async () => {
    const sent = await market();
    await using _ = sent.world;
    await fund(sent);
    await sent.world.hire("established", { successes: 5 });
    const jobId = await platformJob(sent);
    expect(await verdictOf(sent, jobId)).toBe("verified");
    expect(await sent.world.market.market.canaries.send()).toBe(false);
  });

  it("sends none without a known computation, without a node, or without money", async () => {
    const sent = await market();
    await using _ = sent.world;
    const { world, platform, trainer } = sent;
    const { canaries } = world.market.market;
    expect(await canaries.send()).toBe(false);
    // Enough for one job of 0.0028 CYXWIZ and not for another.
    await fund(sent, 4_000_000n);
    await world.platformNode();
    await platformJob(sent);
    await world.market.settle();
    await world.dismiss(trainer);
    expect(await canaries.send()).toBe(false);
    await world.reconnect(trainer);
    expect(await world.market.balance(platform)).toBeGreaterThan(0n);
    await expect(canaries.send()).rejects.toMatchObject({ code: "market/insufficient-funds" });
    expect(await sentJob(sent)).toBeUndefined();
  });
});
