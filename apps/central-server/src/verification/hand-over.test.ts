import { describe, expect, it } from "vitest";
import { Blame } from "@cyxwiz/protocol";
import { ScriptedMarket, type Hired } from "./scripted-market.fixture.ts";
import type { Lie } from "./scripted-training.fixture.ts";

/** A job whose first node fell silent after half of the steps, with these others in the market. */
async function abandoned(
  others: readonly string[],
  lie?: Lie,
): Promise<{ world: ScriptedMarket; jobId: string; quoted: bigint; lost: Hired }> {
  const world = await ScriptedMarket.create({ secureRandom: () => 0.99 });
  const lost = await world.hire("lost");
  const { jobId, quoted } = await world.submit();
  const { node, task } = await world.next(jobId);
  await (await node.begin(task, lie)).commitTo(50);
  await world.dismiss(lost);
  await world.pass(30_001);
  for (const name of others) await world.hire(name);
  return { world, jobId, quoted, lost };
}

/** Nobody was there to check it for a minute. */
async function unchecked(lie?: Lie): ReturnType<typeof abandoned> {
  const left = await abandoned([], lie);
  await left.world.tick(60_000);
  await left.world.market.schedule();
  for (const name of ["alpha", "beta", "gamma", "delta"]) await left.world.hire(name);
  return left;
}

const CANNOT_READ = { blame: Blame.JOB, code: "backend/checkpoint-mismatch", step: 50 };

describe("what a lost attempt leaves", () => {
  it("is checked before another node builds on it, and honest steps are built on", async () => {
    const { world, jobId, quoted, lost } = await abandoned(["alpha", "beta"]);
    await using _ = world;
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING", step: 50 });
    const first = await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 50 });
    await world.dismiss(first);
    const { task, node } = await world.next(jobId);
    expect(task).toMatchObject({ resume: { step: 50n }, chainHead: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await node.train(task);
    const last = await world.job(jobId);
    expect(last.verification.interval?.from).toBeGreaterThanOrEqual(50);
    // Who checked the first half may check the second; who trained any of it may not.
    await world.reconnect(first);
    await world.reconnect(lost);
    expect((await world.verify(jobId)).owner).toEqual(first.owner);
    await world.market.settle();
    const owners = quoted - quoted / 10n;
    expect(await world.market.balance(lost.owner)).toBe(quoted / 2n - quoted / 20n);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    const receipt = await world.receipt(jobId);
    expect(receipt.payment.owners).toHaveLength(2);
    expect(receipt.chain.filter(({ kind }) => kind === "segment")).toHaveLength(2);
    expect(owners).toBeGreaterThan(0n);
  });

  it("is thrown away when two find that it was not done; the next node starts at the beginning", async () => {
    const { world, jobId, lost } = await abandoned(["alpha", "beta", "gamma"], { randomAfter: 0 });
    await using _ = world;
    await world.verifyAll(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 0, checkpoints: [] });
    expect(await world.reputation(lost.node.machine.nodeId)).toBeLessThan(3_750);
    const { jobs } = await attemptsOf(world);
    expect(jobs).toBe(1);
    await world.train(jobId);
    await world.verifyAll(jobId);
    await world.market.settle();
    expect(await world.market.balance(lost.owner)).toBe(0n);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });

  it("is built on unchecked when nobody can check it for a minute", async () => {
    const { world, jobId } = await abandoned([]);
    await using _ = world;
    await world.tick(59_000);
    await world.market.schedule();
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING" });
    await world.tick(1_000);
    await world.market.schedule();
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 50 });
    await world.hire("alpha");
    expect((await world.next(jobId)).task.resume).toMatchObject({ step: 50n });
  });

  it("cannot harm the node that builds on it by a false word on the initial state", async () => {
    const { world, jobId } = await unchecked({ otherInitial: true });
    await using _ = world;
    await world.train(jobId);
    const checked = await world.job(jobId);
    expect(checked.verification.interval?.from).toBeGreaterThanOrEqual(50);
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });

  it("and cannot be read is not the job's fault: the interval before it is checked, refused, and done again", async () => {
    const { world, jobId, lost } = await unchecked({ randomAfter: 0 });
    await using _ = world;
    const second = await world.next(jobId);
    const training = await second.node.begin(second.task);
    expect(await training.fail(CANNOT_READ)).toMatchObject({ accepted: true });
    expect(await world.job(jobId)).toMatchObject({
      state: "VERIFYING",
      failure: null,
      verification: { interval: { from: 45, to: 50 } },
    });
    const verifiers = await world.verifyAll(jobId);
    expect(verifiers.map(({ owner }) => owner.id)).not.toContain(second.owner.id);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    expect(await world.reputation(lost.node.machine.nodeId)).toBeLessThan(3_750);
    expect(await world.reputation(second.node.machine.nodeId)).toBe(7_500);
  });

  it("and is fine, whatever a node says that cannot read it, stays; that node is not asked again", async () => {
    const { world, jobId } = await unchecked();
    await using _ = world;
    const second = await world.next(jobId);
    await (await second.node.begin(second.task)).fail(CANNOT_READ);
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 50 });
    const third = await world.next(jobId);
    expect(third.node).not.toBe(second.node);
    expect(third.task.resume).toMatchObject({ step: 50n });
    const { banned } = await attemptsOf(world);
    expect(banned).toContain(second.node.machine.nodeId);
  });

  it("[JS4] is refunded in full when too many attempts were lost, whatever they left", async () => {
    const { world, jobId } = await unchecked();
    await using _ = world;
    for (let attempt = 0; attempt < 3; attempt++) {
      const { node, task } = await world.next(jobId);
      await (await node.begin(task)).fail({ blame: Blame.NODE, code: "node/broken", step: 50 });
    }
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "FAILED", failure: { blame: "node" }, has_receipt: false });
    expect(await world.market.balance(world.user)).toBe(1_000_000_000_000n);
  });
});

describe("results that are refused again and again", () => {
  it("end the job as failed by its nodes; everything is refunded and it says that they were refused", async () => {
    await using world = await ScriptedMarket.create();
    for (let index = 0; index < 7; index++) await world.hire(`node ${index}`);
    const { jobId } = await world.submit();
    for (let attempt = 0; attempt < 4; attempt++) {
      const liar = await world.train(jobId, { randomAfter: 0 });
      await world.verifyAll(jobId);
      expect(await world.reputation(liar.node.machine.nodeId)).toBeLessThan(4_000);
    }
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "FAILED",
      failure: { blame: "node", code: "central/result-refused" },
      verification: { verdict: "refused" },
      payment: { owner: "0", platform: "0" },
      has_receipt: false,
    });
    expect(await world.market.balance(world.user)).toBe(1_000_000_000_000n);
  });
});

async function attemptsOf(world: ScriptedMarket): Promise<{ jobs: number; banned: readonly string[] }> {
  const job = await world.market.context.db
    .selectFrom("jobs")
    .select(["attempts", "banned_machines"])
    .executeTakeFirstOrThrow();
  return { jobs: job.attempts, banned: job.banned_machines };
}
