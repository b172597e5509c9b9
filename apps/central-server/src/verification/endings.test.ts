import { describe, expect, it } from "vitest";
import { Blame } from "@cyxwiz/protocol";
import { ScriptedMarket, WAIT_MS, type Hired } from "./scripted-market.fixture.ts";
import type { Lie, ScriptedTask, ScriptedTraining } from "./scripted-training.fixture.ts";

interface Begun {
  readonly world: ScriptedMarket;
  readonly jobId: string;
  readonly quoted: bigint;
  readonly trainer: Hired;
  readonly task: ScriptedTask;
  readonly training: ScriptedTraining;
}

/** A job of which these steps are committed, with three others in the market. */
async function begun(step: number, lie?: Lie): Promise<Begun> {
  const world = await ScriptedMarket.create({ secureRandom: () => 0.99 });
  const trainer = await world.hire("trainer");
  const { jobId, quoted } = await world.submit();
  const { task, node } = await world.next(jobId);
  const training = await node.begin(task, lie);
  await training.commitTo(step);
  for (const name of ["alpha", "beta", "gamma"]) await world.hire(name);
  return { world, jobId, quoted, trainer, task, training };
}

/** What is due for a part of the steps, as owner and platform get it. */
function due(
  quoted: bigint,
  steps: bigint,
): { readonly owner: bigint; readonly platform: bigint; readonly back: bigint } {
  const all = (quoted * steps) / 100n;
  return { owner: all - all / 10n, platform: all / 10n, back: quoted - all };
}

describe("a job that its user cancels", () => {
  it("[JS12] after committed steps is checked first, then CANCELLED and paid for these steps", async () => {
    const { world, jobId, quoted, trainer } = await begun(40);
    await using _ = world;
    const before = await world.market.balance(world.user);
    expect((await world.post(`/api/jobs/${jobId}/cancel`, {})).status).toBe(200);
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING", payment: { escrow_state: "LOCKED" } });
    const late = await world.post(`/api/jobs/${jobId}/cancel`, {});
    expect(late.body).toMatchObject({ details: { reason: "central/job-in-verification" } });
    await world.verify(jobId);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "CANCELLED", verification: { verdict: "verified" } });
    const { owner, back } = due(quoted, 40n);
    expect(await world.market.balance(trainer.owner)).toBe(owner);
    expect(await world.market.balance(world.user)).toBe(before + back);
    expect(await world.receipt(jobId)).toMatchObject({ outcome: "cancelled", result: { onnx: null } });
  });

  it("keeps its model so far when it asks for it, and that is checked too", async () => {
    const { world, jobId, trainer, training } = await begun(40);
    await using _ = world;
    await world.post(`/api/jobs/${jobId}/cancel`, { keep_model: true });
    expect(await trainer.node.node.receive("cancel")).toMatchObject({ keepModel: true });
    await training.commit(42);
    expect(await training.cancelled(true)).toMatchObject({ accepted: true });
    const { task, node } = await world.next(jobId);
    expect(task.rerun).toMatchObject({ withModel: true, fromStep: 40n, toStep: 42n });
    await node.rerun(task);
    expect(await world.job(jobId)).toMatchObject({ state: "CANCELLED", verification: { verdict: "verified" } });
    const receipt = await world.receipt(jobId);
    expect(receipt.result.onnx?.sha256).toBe((await world.job(jobId)).files.onnx?.sha256);
  });

  it("pays nothing for steps that were not done, and its receipt says so", async () => {
    const { world, jobId, quoted, trainer, training } = await begun(40, { randomAfter: 0 });
    await using _ = world;
    await world.post(`/api/jobs/${jobId}/cancel`, { keep_model: true });
    await trainer.node.node.receive("cancel");
    await training.cancelled(true);
    await world.verifyAll(jobId);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "CANCELLED",
      verification: { verdict: "refused", paid: "0" },
      payment: { owner: "0", platform: "0" },
    });
    expect(await world.market.balance(trainer.owner)).toBe(0n);
    expect(await world.market.balance(world.user)).toBe(1_000_000_000_000n);
    expect(quoted).toBeGreaterThan(0n);
    expect((await world.receipt(jobId)).verification.verdict).toBe("refused");
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(3_750);
  });

  it("[JS5] before anything was committed ends at once and costs nothing", async () => {
    const { world, jobId } = await begun(0);
    await using _ = world;
    await world.post(`/api/jobs/${jobId}/cancel`, {});
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "CANCELLED", has_receipt: false });
    expect(await world.market.balance(world.user)).toBe(1_000_000_000_000n);
    const receipt = await world.get(`/api/jobs/${jobId}/receipt`);
    expect(receipt.body).toMatchObject({ details: { reason: "central/receipt-not-found" } });
  });

  it("after a result was refused and nothing is left has no receipt: the refused chain is not its own", async () => {
    const { world, jobId, training } = await begun(40, { randomAfter: 0 });
    await using _ = world;
    await training.finish();
    await world.verifyAll(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    await world.post(`/api/jobs/${jobId}/cancel`, {});
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "CANCELLED", has_receipt: false });
    expect(await world.market.balance(world.user)).toBe(1_000_000_000_000n);
  });

  it("while it waits for another node is paid for the steps of both attempts", async () => {
    const { world, jobId, quoted, trainer } = await begun(40);
    await using _ = world;
    await world.dismiss(...world.hired);
    await world.pass(30_001);
    await world.tick(60_000);
    await world.market.schedule();
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 40 });
    await world.post(`/api/jobs/${jobId}/cancel`, {});
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING" });
    await world.tick(2 * WAIT_MS);
    await world.market.schedule();
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "CANCELLED", verification: { verdict: "unverified" } });
    expect(await world.market.balance(trainer.owner)).toBe(due(quoted, 40n).owner);
    await world.receipt(jobId);
  });
});

describe("a node that blames the job", () => {
  const FLAW = { step: 63, code: "backend/loss-not-finite" };

  it("[VER3] is believed when a re-run fails with the same code: FAILED by the job, and committed steps are paid after their own check", async () => {
    const { world, jobId, quoted, trainer, training } = await begun(60);
    await using _ = world;
    expect(await training.fail({ blame: Blame.JOB, ...FLAW })).toMatchObject({ accepted: true });
    expect(await world.job(jobId)).toMatchObject({
      state: "VERIFYING",
      verification: { interval: { from: 60, to: 63 } },
    });
    await world.verify(jobId, FLAW);
    expect(await world.job(jobId)).toMatchObject({
      state: "VERIFYING",
      verification: { interval: { from: 55, to: 60 } },
    });
    // First the interval that made the failing state, then one that is drawn.
    await world.verify(jobId, FLAW);
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING" });
    await world.verify(jobId, FLAW);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "FAILED",
      failure: { blame: "job", code: FLAW.code },
      verification: { verdict: "verified" },
    });
    expect(await world.market.balance(trainer.owner)).toBe(due(quoted, 60n).owner);
    expect(await world.receipt(jobId)).toMatchObject({ outcome: "failed-by-job" });
  });

  it("before anything was committed costs the user nothing, once it is believed", async () => {
    const { world, jobId, training } = await begun(0);
    await using _ = world;
    const flaw = { step: 3, code: "backend/loss-not-finite" };
    await training.fail({ blame: Blame.JOB, ...flaw });
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING" });
    await world.verify(jobId, flaw);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "FAILED", failure: { blame: "job" }, has_receipt: false });
    expect(await world.market.balance(world.user)).toBe(1_000_000_000_000n);
  });

  it("and is contradicted by two is refused; the job goes on elsewhere from its checkpoint", async () => {
    const { world, jobId, trainer, training } = await begun(60);
    await using _ = world;
    await training.fail({ blame: Blame.JOB, ...FLAW });
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING" });
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 60 });
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(3_750);
    const { task, node } = await world.next(jobId);
    expect(task.resume).toMatchObject({ step: 60n });
    expect(node).not.toBe(trainer.node);
    await node.train(task);
    await world.verify(jobId);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    expect(await world.market.balance(trainer.owner)).toBeGreaterThan(0n);
    await world.receipt(jobId);
  });

  it("with another code than the re-runs find is contradicted", async () => {
    const { world, jobId, training } = await begun(60);
    await using _ = world;
    await training.fail({ blame: Blame.JOB, ...FLAW });
    for (let times = 0; times < 2; times++) await world.verify(jobId, { ...FLAW, code: "backend/out-of-memory" });
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 60 });
  });

  it("after steps that were never done is not paid for them: they are done again by another", async () => {
    const { world, jobId, trainer, training } = await begun(60, { randomAfter: 0 });
    await using _ = world;
    await training.fail({ blame: Blame.JOB, ...FLAW });
    await world.verify(jobId, FLAW);
    await world.verify(jobId, FLAW);
    await world.verify(jobId, FLAW);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    const { task, node } = await world.next(jobId);
    expect(task.resume).toBeUndefined();
    expect(node).not.toBe(trainer.node);
  });
});
