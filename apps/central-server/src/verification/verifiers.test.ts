import { describe, expect, it } from "vitest";
import { Blame } from "@cyxwiz/protocol";
import { idOf } from "../assignments/node.fixture.ts";
import { ScriptedMarket, WAIT_MS, type Hired, type SubmittedJob } from "./scripted-market.fixture.ts";
import { hashOf, type Lie, type ScriptedTask } from "./scripted-training.fixture.ts";

const LEASE = 30_001;

/** A job that waits for its check, trained by `trainer`, with these others in the market. */
async function committed(
  others: readonly string[],
  { lie, ...options }: Parameters<typeof ScriptedMarket.create>[0] & { readonly lie?: Lie } = {},
): Promise<{ world: ScriptedMarket; job: SubmittedJob; trainer: Hired }> {
  const world = await ScriptedMarket.create(options);
  const trainer = await world.hire("trainer");
  const job = await world.submit();
  await world.train(job.jobId, lie);
  for (const name of others) await world.hire(name);
  return { world, job, trainer };
}

const MADE_UP = { endSha256: hashOf("made up") };

describe("a node that checks", () => {
  it("[VER8] and lies is outvoted: it is not paid, its reputation falls, and the trainer is paid", async () => {
    const { world, job, trainer } = await committed(["alpha", "beta", "gamma"]);
    await using _ = world;
    const liar = await world.next(job.jobId);
    expect(await liar.node.rerun(liar.task, { says: MADE_UP })).toMatchObject({ accepted: true });
    expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING", failure: null });
    const first = await world.verify(job.jobId);
    expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING" });
    const second = await world.verify(job.jobId);
    await world.market.settle();
    expect(await world.job(job.jobId)).toMatchObject({
      state: "COMPLETED",
      verification: {
        verdict: "verified",
        reruns: [{ outcome: "disagrees", paid: "0" }, { outcome: "agrees" }, { outcome: "agrees" }],
      },
    });
    expect(await world.market.balance(trainer.owner)).toBe(job.quoted - job.quoted / 10n);
    expect(await world.market.balance(liar.owner)).toBe(0n);
    expect(await world.reputation(liar.node.machine.nodeId)).toBe(6_750);
    for (const { owner, node } of [first, second]) {
      expect(await world.market.balance(owner)).toBe(job.quoted / 40n);
      expect(await world.reputation(node.machine.nodeId)).toBe(7_513);
    }
    await world.receipt(job.jobId);
  });

  it("under an old token, for another's assignment, or for its own training is refused by name", async () => {
    const { world, job, trainer } = await committed(["alpha", "beta"]);
    await using _ = world;
    const { node, task } = await world.next(job.jobId);
    const other = world.hired.find((hired) => hired.node !== node && hired !== trainer) as Hired;
    const answer = await node.found(task);
    const stale = { ...answer, fencingToken: task.fencingToken - 1n };
    expect(await node.node.report("rerun", stale)).toMatchObject({ code: "central/fencing-token-mismatch" });
    expect(await other.node.node.report("rerun", answer)).toMatchObject({ code: "central/assignment-over" });
    expect(await trainer.node.node.report("rerun", answer)).toMatchObject({ code: "central/assignment-over" });
    const kinds = {
      checkpoint: await node.upload("a state"),
      result: {},
      changeApplied: { changeId: task.assignmentId },
    };
    for (const [kind, value] of Object.entries(kinds)) {
      const report = { metrics: {}, initialSha256: "", chainRoot: "", ...idOf(task), step: 5n, ...value };
      expect(await node.node.report(kind, report)).toMatchObject({ code: "central/report-kind-mismatch" });
    }
    const training = await world.submit();
    await world.market.schedule();
    const busy = (await world.holder(training.jobId)) as Hired;
    const own = await busy.node.task();
    const confused = await busy.node.node.report("rerun", { ...answer, ...idOf(own) });
    expect(confused).toMatchObject({ code: "central/report-kind-mismatch" });
    expect(await node.rerun(task)).toMatchObject({ accepted: true });
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED" });
  });

  it("with another build, lowering or class than it was asked for is refused by name", async () => {
    const { world, job } = await committed(["alpha"]);
    await using _ = world;
    const { node, task } = await world.next(job.jobId);
    for (const says of [{ build: "test-2" }, { lowering: "other-1" }, { hardwareClass: "gpu" }]) {
      expect(await node.rerun(task, { says })).toMatchObject({ code: "central/rerun-class-mismatch" });
    }
    expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING" });
    expect(await node.rerun(task)).toMatchObject({ accepted: true });
  });

  it("and belongs to the trainer's owner by now is refused by name", async () => {
    const { world, job, trainer } = await committed(["alpha"]);
    await using _ = world;
    const { node, task } = await world.next(job.jobId);
    await world.market.context.db
      .updateTable("machines")
      .set({ owner_id: trainer.owner.id })
      .where("id", "=", node.machine.nodeId)
      .execute();
    expect(await node.rerun(task)).toMatchObject({ code: "central/verifier-not-independent" });
    expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING", verification: { verdict: "pending" } });
  });

  it("answers once: what comes after its first answer changes nothing", async () => {
    const { world, job } = await committed(["alpha", "beta", "gamma"]);
    await using _ = world;
    const first = await world.next(job.jobId);
    await first.node.rerun(first.task, { says: MADE_UP });
    const asked = await world.next(job.jobId);
    const again = { ...(MADE_UP as object), ...idOf(first.task), ...first.node.computedWith(first.task) };
    expect(await first.node.node.report("rerun", again)).toMatchObject({ accepted: true });
    expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING" });
    expect(asked.owner).not.toEqual(first.owner);
    const answers = await world.market.context.db.selectFrom("reruns").select("outcome").execute();
    expect(answers.filter(({ outcome }) => outcome !== null)).toHaveLength(1);
    await asked.node.rerun(asked.task);
  });

  it("and is lost, declines, fails, is called off or never ends is replaced by another, and not asked again", async () => {
    const { world, job } = await committed(["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]);
    await using _ = world;
    const asked = new Set<string>();
    const gone: ((hired: Hired, task: ScriptedTask) => Promise<unknown>)[] = [
      async ({ node }, task) => node.node.report("declined", { ...idOf(task), code: "node/busy", message: "busy" }),
      async ({ node }, task) => {
        await node.node.accept(task);
        return node.node.report("failed", { ...idOf(task), blame: Blame.NODE, code: "x/y", message: "no", step: 3n });
      },
      async ({ node }, task) => {
        await node.node.accept(task);
        return node.node.report("cancelled", { ...idOf(task), step: 3n });
      },
      async (hired) => {
        await world.dismiss(hired);
        await world.pass(LEASE, world.hired);
      },
      async (hired) => {
        for (let times = 0; times < 4; times++) {
          await world.dismiss(hired);
          await world.reconnect(hired);
        }
        await world.pass(0, world.hired);
      },
      async ({ node }, task) => {
        await node.node.accept(task);
        for (let waited = 0; waited <= 3_600_000; waited += 29_000) {
          await node.node.progress(task, 1n);
          await world.pass(29_000, world.hired);
        }
      },
    ];
    for (const [index, go] of gone.entries()) {
      const hired = await world.next(job.jobId);
      expect(asked).not.toContain(hired.node.machine.nodeId);
      asked.add(hired.node.machine.nodeId);
      await go(hired, hired.task);
      expect((await world.holder(job.jobId))?.node.machine.nodeId, `case ${index}`).toBeUndefined();
      expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING" });
    }
    expect(asked.size).toBe(6);
  });

  it("is asked at most ten times for one check: then the job is unverified, and says so", async () => {
    const { world, job } = await committed(Array.from({ length: 11 }, (_, index) => `node ${index}`));
    await using _ = world;
    for (let asked = 0; asked < 10; asked++) {
      const { node, task } = await world.next(job.jobId);
      await node.node.report("declined", { ...idOf(task), code: "node/busy", message: "busy" });
    }
    await world.market.schedule();
    expect(await world.job(job.jobId), "ten who do not answer shorten no wait").toMatchObject({ state: "VERIFYING" });
    await world.pass(2 * WAIT_MS);
    await world.market.schedule();
    await world.market.settle();
    expect(await world.job(job.jobId)).toMatchObject({
      state: "COMPLETED",
      verification: { verdict: "unverified", paid: "0" },
      payment: { escrow_state: "SETTLED" },
    });
    expect((await world.receipt(job.jobId)).verification.verdict).toBe("unverified");
  });
});

describe("where nobody computes with the same", () => {
  const others = async (world: ScriptedMarket, count: number): Promise<void> => {
    for (let index = 0; index < count; index++) await world.hire(`other ${index}`, { hardwareClass: "other-cpu" });
  };

  it("[VFY3] [VER4] a unit of another class is asked after a while, with the claim and no build; close enough is plausible and paid", async () => {
    const { world, job, trainer } = await committed([]);
    await using _ = world;
    await others(world, 1);
    await world.market.schedule();
    expect((await world.holder(job.jobId))?.node.machine.nodeId).toBeUndefined();
    await world.pass(WAIT_MS, world.hired);
    const { node, task, owner } = await world.next(job.jobId);
    expect(task).toMatchObject({ build: "", rerun: { claim: { step: task.rerun?.toStep } } });
    expect(await node.rerun(task)).toMatchObject({ accepted: true });
    await world.market.settle();
    expect(await world.job(job.jobId)).toMatchObject({
      state: "COMPLETED",
      verification: { verdict: "plausible", reruns: [{ outcome: "plausible", distance: 0.003 }] },
    });
    expect(await world.market.balance(trainer.owner)).toBe(job.quoted - job.quoted / 10n);
    expect(await world.market.balance(owner)).toBeGreaterThan(0n);
    expect((await world.receipt(job.jobId)).verification.verdict).toBe("plausible");
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(7_500);
  });

  it("[PEN2] two that find it implausible refuse it, and bring no penalty", async () => {
    const { world, job, trainer } = await committed([], { lie: { randomAfter: 0 } });
    await using _ = world;
    await others(world, 2);
    await world.pass(WAIT_MS, world.hired);
    for (const distance of [1.4, NaN]) {
      const { node, task } = await world.next(job.jobId);
      expect(await node.rerun(task, { says: { distance } })).toMatchObject({ accepted: true });
    }
    expect(await world.job(job.jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    expect(await world.market.context.db.selectFrom("penalties").selectAll().execute()).toEqual([]);
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(3_750);
  });

  it("[VER11] and nobody comes at all, the job is paid as unverified after as long again, and says so", async () => {
    const { world, job, trainer } = await committed([]);
    await using _ = world;
    await world.pass(2 * WAIT_MS - 1_000, world.hired);
    await world.market.schedule();
    expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING" });
    await world.pass(1_000);
    await world.market.schedule();
    await world.market.settle();
    expect(await world.job(job.jobId)).toMatchObject({
      state: "COMPLETED",
      verification: { verdict: "unverified", reruns: [] },
      has_receipt: true,
    });
    expect(await world.market.balance(trainer.owner)).toBe(job.quoted - job.quoted / 10n);
    expect((await world.receipt(job.jobId)).verification).toMatchObject({ verdict: "unverified", reruns: [] });
  });

  it("[VER11] one negative answer and nobody else neither pays nor refuses: the steps are done again elsewhere", async () => {
    const { world, job, trainer } = await committed(["alpha"]);
    await using _ = world;
    const { node, task } = await world.next(job.jobId);
    await node.rerun(task, { says: MADE_UP });
    await world.pass(2 * WAIT_MS);
    await world.market.schedule();
    expect(await world.job(job.jobId)).toMatchObject({ state: "ESCROWED", step: 0, has_receipt: false });
    expect(await world.market.balance(trainer.owner)).toBe(0n);
    const shown = await world.market.send("GET", `/api/nodes/${trainer.node.machine.nodeId}/reputation`);
    expect(shown.body).toMatchObject({ reputation: 75, changes: [], penalties: [] });
  });
});
