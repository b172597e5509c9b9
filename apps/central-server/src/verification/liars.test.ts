import { describe, expect, it } from "vitest";
import { ScriptedMarket, type Hired, type SubmittedJob } from "./scripted-market.fixture.ts";
import type { Lie } from "./scripted-training.fixture.ts";

/** A market with a liar who trained a job, and three others who did not. */
async function lied(lie: Lie): Promise<{ world: ScriptedMarket; job: SubmittedJob; liar: Hired }> {
  // Draws the last interval: the lies of these tests reach it.
  const world = await ScriptedMarket.create({ secureRandom: () => 0.99 });
  const liar = await world.hire("liar");
  const job = await world.submit();
  await world.train(job.jobId, lie);
  for (const name of ["alpha", "beta", "gamma"]) await world.hire(name);
  return { world, job, liar };
}

/** Ends and claims of a job whose first result was refused and whose second is honest. */
async function expectRedone({ world, job, liar }: Awaited<ReturnType<typeof lied>>): Promise<void> {
  const { jobId, quoted } = job;
  const { market } = world;
  const first = await world.verify(jobId);
  expect(await world.job(jobId)).toMatchObject({
    state: "VERIFYING",
    verification: { verdict: "pending", reruns: [{ outcome: "disagrees", paid: "0" }] },
  });
  const second = await world.verify(jobId);
  expect(second.owner).not.toEqual(first.owner);
  await market.settle();
  const refused = await world.job(jobId);
  expect(refused).toMatchObject({
    state: "ESCROWED",
    step: 0,
    checkpoints: [],
    failure: { blame: "node", code: "central/result-refused" },
    payment: { escrow_state: "LOCKED" },
    files: { onnx: null, weights: null },
    has_receipt: false,
  });
  expect(await market.balance(first.owner)).toBe(0n);

  const spare = await world.hire("the liar's spare", { owner: liar.owner });
  const honest = await world.train(jobId);
  expect([liar.owner.id, spare.owner.id]).not.toContain(honest.owner.id);
  const third = await world.verify(jobId);
  expect(third.owner.id).not.toBe(liar.owner.id);
  await market.settle();
  expect(await world.job(jobId)).toMatchObject({
    state: "COMPLETED",
    verification: { verdict: "verified" },
    failure: null,
  });
  const trained = quoted - quoted / 10n;
  const reward = quoted / 10n / 4n;
  expect(await market.balance(liar.owner)).toBe(0n);
  const earned = await market.context.db.selectFrom("unit_earnings").selectAll().execute();
  expect(earned.find(({ kind }) => kind === "TRAIN")).toMatchObject({ owner_id: honest.owner.id, amount: trained });
  expect(earned.filter(({ kind }) => kind === "VERIFY").reduce((sum, row) => sum + row.amount, 0n)).toBe(3n * reward);
  expect(await world.platform()).toBe(quoted / 10n - 3n * reward);
  expect((await world.receipt(jobId)).verification.verdict).toBe("verified");
}

describe("a node that lies about its work", () => {
  it("[VER7] gains nothing by states that follow from nothing; the job is done again and the second owner is paid in full", async () => {
    const lie = await lied({ randomAfter: 0 });
    await using _ = lie.world;
    await expectRedone(lie);
  });

  it("gains nothing by skipping the second half", async () => {
    const lie = await lied({ randomAfter: 50 });
    await using _ = lie.world;
    await expectRedone(lie);
  });

  it("gains nothing by a model that is not made of the last checkpoint", async () => {
    const lie = await lied({ otherModel: true });
    await using _ = lie.world;
    await expectRedone(lie);
  });

  it("gains nothing by another initial state than the job's", async () => {
    const lie = await lied({ otherInitial: true });
    await using _ = lie.world;
    await expectRedone(lie);
  });

  it("[REP3] [PEN2] loses half of its reputation, and a penalty is noted but not applied", async () => {
    const { world, job, liar } = await lied({ randomAfter: 0 });
    await using _ = world;
    const { nodeId } = liar.node.machine;
    await world.verify(job.jobId);
    expect(await world.reputation(nodeId)).toBe(7_500);
    await world.verify(job.jobId);
    expect(await world.reputation(nodeId)).toBe(3_750);
    const shown = await world.market.send("GET", `/api/nodes/${nodeId}/reputation`);
    expect(shown.body).toMatchObject({
      reputation: 37.5,
      changes: [{ cause: "result-refused", before: 75, after: 37.5, evidence: { job_id: job.jobId } }],
      penalties: [{ cause: "result-refused", percent: 25, is_ban: false, is_applied: false }],
    });
    await world.verifyAll(job.jobId);
  });

  it("gains nothing by handing in the states of another job, which are its own objects and pass every form check", async () => {
    await using world = await ScriptedMarket.create();
    const liar = await world.hire("liar");
    const first = await world.submit();
    const earlier = await liar.node.begin((await world.next(first.jobId)).task);
    await earlier.finish();
    for (const name of ["alpha", "beta"]) await world.hire(name);
    await world.verify(first.jobId);
    const [old] = (await world.job(first.jobId)).checkpoints.slice(-1);
    await world.dismiss(...world.hired.slice(1));
    await world.pass(60_000, [liar]);
    const second = await world.submit();
    const { node, task } = await world.next(second.jobId);
    expect(node).toBe(liar.node);
    const training = await node.begin(task, { randomAfter: 0 });
    const replayed = { cid: old?.cid, sha256: old?.sha256, sizeBytes: BigInt(old?.size_bytes ?? 0) };
    const verdict = await training.commit(5, replayed);
    expect(verdict).toMatchObject({ accepted: true });
    await training.commitTo(100);
    // The chain that it kept names what it uploaded now and not what it reported.
    expect(await training.result()).toMatchObject({ accepted: false, code: "central/chain-mismatch" });
    expect(await world.job(second.jobId)).toMatchObject({ state: "VERIFYING" });
    for (const hired of world.hired.slice(1)) await world.reconnect(hired);
    await world.verifyAll(second.jobId);
    expect(await world.job(second.jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
  });

  it("is told by name what is wrong with a checkpoint", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("liar");
    const { jobId } = await world.submit();
    const { node, task } = await world.next(jobId);
    const training = await node.begin(task);
    const huge = await node.upload("0".repeat(4_000_000));
    const codes: readonly [object, string][] = [
      [{ step: 6n }, "central/chain-gap"],
      [{ step: 100n }, "central/chain-gap"],
      [{ sha256: "0".repeat(64) }, "central/artifact-not-found"],
      [{ sizeBytes: 1n }, "central/artifact-not-found"],
      [{ cid: "bafkreigvyt6llr62fbuu6u7g35mzvqz5piwasuskgfcwvfsn2f5pmmugk4" }, "central/artifact-not-found"],
      [huge, "central/checkpoint-too-large"],
      [{ step: 0n }, "central/step-out-of-range"],
      [{ initialSha256: "" }, "central/commitment-missing"],
      [{ initialSha256: "not a hash" }, "central/commitment-missing"],
    ];
    for (const [also, code] of codes) {
      expect(await training.commit(5, also), code).toMatchObject({ accepted: false, code });
    }
    expect(await world.job(jobId)).toMatchObject({ state: "RUNNING", step: 0, checkpoints: [] });
  });

  it("may leave the rhythm of its checkpoints only with its last one: many short honest intervals would hide a long one", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("liar");
    const { jobId } = await world.submit();
    const { node, task } = await world.next(jobId);
    const training = await node.begin(task);
    await training.commitTo(5);
    expect(await training.commit(7)).toMatchObject({ accepted: true });
    expect(await training.commit(8)).toMatchObject({ accepted: false, code: "central/step-out-of-range" });
    expect(await training.commit(10)).toMatchObject({ accepted: false, code: "central/step-out-of-range" });
  });

  it("loses the attempt when its root leaves out a checkpoint, is missing, or stands for less than the last step", async () => {
    const cases: readonly [Lie, object, string][] = [
      [{ unchained: 40 }, {}, "central/chain-mismatch"],
      [{}, { chainRoot: "0".repeat(64) }, "central/chain-mismatch"],
      [{}, { chainRoot: "" }, "central/commitment-missing"],
    ];
    await using world = await ScriptedMarket.create();
    for (const name of ["alpha", "beta", "gamma", "delta"]) await world.hire(name);
    const { jobId } = await world.submit();
    for (const [lie, also, code] of cases) {
      const { node, task } = await world.next(jobId);
      const verdict = await (await node.begin(task, lie)).finish(also);
      expect(verdict, code).toMatchObject({ accepted: false, code });
      expect(await world.reputation(node.machine.nodeId)).toBeLessThan(7_500);
      await world.verifyAll(jobId);
      expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 100 });
    }
  });

  it("answers for the model that it delivers, also where the drawn steps are another's", async () => {
    await using world = await ScriptedMarket.create({ secureRandom: () => 0.01 });
    const honest = await world.hire("honest");
    const { jobId, quoted } = await world.submit();
    const begun = await honest.node.begin((await world.next(jobId)).task);
    await begun.commitTo(50);
    await world.dismiss(honest);
    await world.pass(30_001);
    await world.tick(60_000);
    await world.market.schedule();
    const liar = await world.hire("liar");
    await world.train(jobId, { otherModel: true });
    expect(await world.job(jobId)).toMatchObject({ verification: { interval: { from: 0 } } });
    for (const name of ["alpha", "beta", "gamma"]) await world.hire(name);
    await world.verify(jobId);
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 50 });
    expect(await world.reputation(liar.node.machine.nodeId)).toBe(3_750);
    await world.train(jobId);
    await world.verifyAll(jobId);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    expect(await world.market.balance(liar.owner)).toBe(0n);
    expect(await world.market.balance(honest.owner)).toBeGreaterThan(quoted / 3n);
    await world.receipt(jobId);
  });

  it("loses the attempt when the model comes before the last checkpoint", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("alpha");
    const { jobId } = await world.submit();
    const { node, task } = await world.next(jobId);
    const training = await node.begin(task);
    await training.commitTo(50);
    const verdict = await training.result({ step: 100n });
    expect(verdict).toMatchObject({ accepted: false, code: "central/last-checkpoint-missing" });
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING", step: 50 });
  });
});
