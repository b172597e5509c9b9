import { describe, expect, it } from "vitest";
import { readHistory } from "../payments/wallet-statement.ts";
import { ScriptedMarket } from "./scripted-market.fixture.ts";
import { hashOf, initialState } from "./scripted-training.fixture.ts";

describe("an honest job", () => {
  it("is not paid before a node of another owner was asked to run a piece of it again", async () => {
    await using world = await ScriptedMarket.create();
    const trainer = await world.hire("alpha");
    await world.hire("alpha's other", { owner: trainer.owner });
    const { jobId } = await world.submit();
    const { node, task } = await world.next(jobId);
    expect(await node.train(task)).toMatchObject({ accepted: true });
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "VERIFYING",
      verification: { verdict: "pending", reruns: [] },
      payment: { escrow_state: "LOCKED", owner: "0" },
      files: { onnx: { sha256: expect.any(String) } },
      has_receipt: false,
    });
    expect(await world.market.balance(trainer.owner)).toBe(0n);
    await world.market.schedule();
    expect((await world.holder(jobId))?.node.machine.nodeId).toBeUndefined();
    const other = await world.hire("beta");
    const asked = await world.next(jobId);
    expect(asked.owner).toEqual(other.owner);
    expect(asked.task.rerun).toMatchObject({ expectsFailure: false });
  });

  it("[VFY2] is not checked by who pays for it", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("alpha");
    const { jobId } = await world.submit();
    await world.train(jobId);
    await world.hire("the payer's own", { owner: world.user });
    await world.market.schedule();
    expect((await world.holder(jobId))?.node.machine.nodeId).toBeUndefined();
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING" });
  });

  it("tells the verifier where to begin and nothing of where to arrive, nor lets it read that", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("alpha");
    await world.hire("beta");
    const { jobId } = await world.submit();
    const trainer = await world.train(jobId);
    const claimed = await world.job(jobId);
    const { node, task } = await world.next(jobId);
    const { fromStep, toStep, start, model, claim } = task.rerun ?? {};
    const { from, to } = claimed.verification.interval ?? { from: -1, to: -1 };
    expect([fromStep, toStep, start?.step, model?.step]).toEqual([BigInt(from), BigInt(to), BigInt(from), 100n]);
    expect(claim).toBeUndefined();
    expect(to).toBeLessThan(100);

    const told = JSON.stringify(task, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    const end = claimed.checkpoints.find(({ step }) => step === to);
    const secrets = [end?.sha256, end?.cid, claimed.files.onnx?.sha256, claimed.files.weights?.sha256];
    for (const secret of [...secrets, hashOf(initialState(task))]) {
      expect(secret).toMatch(/^\w{40,}$/);
      expect(told).not.toContain(secret);
    }
    for (const cid of [end?.cid, claimed.files.onnx?.cid, claimed.files.weights?.cid]) {
      expect((await world.get(`/api/objects/${cid}`, node.machine.apiKey)).status).toBe(404);
      expect((await world.get(`/api/objects/${cid}`, trainer.owner.token)).status).toBe(200);
    }
    for (const cid of [start?.cid, model?.cid, task.dataset.cid]) {
      expect((await world.get(`/api/objects/${cid}`, node.machine.apiKey)).status).toBe(200);
    }
    await node.rerun(task);
    expect((await world.get(`/api/objects/${start?.cid}`, node.machine.apiKey)).status).toBe(404);
  });

  it("[VER1] is verified by equal bits and paid 90 to 10; the verifier is paid out of the platform's part", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("alpha");
    await world.hire("beta");
    const before = await world.market.balance(world.user);
    const { jobId, quoted } = await world.submit();
    const trainer = await world.train(jobId);
    const verifier = await world.verify(jobId);
    const platform = quoted / 10n;
    const reward = platform / 4n;

    expect(await world.market.balance(verifier.owner)).toBe(0n);
    await world.market.settle();
    expect(await world.market.balance(trainer.owner)).toBe(quoted - platform);
    expect(await world.market.balance(verifier.owner)).toBe(reward);
    expect(await world.platform()).toBe(platform - reward);
    expect(await world.market.balance(world.user)).toBe(before - quoted);
    await world.market.settle();
    expect(await world.market.balance(verifier.owner)).toBe(reward);

    expect(await world.job(jobId)).toMatchObject({
      state: "COMPLETED",
      has_receipt: true,
      node: { node_id: trainer.node.machine.nodeId },
      verification: {
        verdict: "verified",
        reruns: [{ node_id: verifier.node.machine.nodeId, outcome: "agrees", is_platform: false, distance: null }],
      },
      payment: { escrow_state: "SETTLED", refunded: "0" },
    });
    expect(Number((await world.job(jobId)).verification.paid)).toBeCloseTo(Number(reward) / 1e9, 12);
    const earned = await world.market.context.db.selectFrom("unit_earnings").selectAll().orderBy("kind").execute();
    expect(earned).toMatchObject([
      {
        kind: "TRAIN",
        unit_id: trainer.node.machine.unitIds[0],
        owner_id: trainer.owner.id,
        amount: quoted - platform,
      },
      { kind: "VERIFY", unit_id: verifier.node.machine.unitIds[0], owner_id: verifier.owner.id, amount: reward },
    ]);
    const history = await readHistory(world.market.context.db, verifier.owner.id, { limit: 10 });
    expect(history.entries).toMatchObject([{ kind: "reward", memo: "Earned by checking a job" }]);
  });

  it("has a receipt that anybody can check with the published key and nothing else", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("alpha");
    await world.hire("beta");
    const { jobId } = await world.submit();
    const none = await world.get(`/api/jobs/${jobId}/receipt`);
    expect(none).toMatchObject({ status: 404, body: { details: { reason: "central/receipt-not-found" } } });
    const trainer = await world.train(jobId);
    const verifier = await world.verify(jobId);
    const receipt = await world.receipt(jobId);
    const job = await world.job(jobId);
    expect(receipt).toMatchObject({
      format: "cyxwiz-receipt",
      job_id: jobId,
      outcome: "completed",
      verification: { verdict: "verified", interval: job.verification.interval },
      payment: { owners: [{ node_id: trainer.node.machine.nodeId, amount: job.payment.owner }] },
    });
    expect(receipt.verification.reruns).toMatchObject([{ node_id: verifier.node.machine.nodeId, outcome: "agrees" }]);
    expect(receipt.chain.map((entry) => entry.kind)).toEqual([
      "run",
      "segment",
      ...Array<string>(20).fill("checkpoint"),
      "result",
    ]);
    const stranger = await world.market.user();
    expect((await world.get(`/api/jobs/${jobId}/receipt`, stranger.token)).status).toBe(404);
    expect((await world.get(`/api/jobs/${jobId}/receipt`, "")).status).toBe(401);
  });

  it("[REP5] raises its trainer and its verifier once for each payer", async () => {
    await using world = await ScriptedMarket.create();
    const alpha = await world.hire("alpha");
    const beta = await world.hire("beta");
    const scores = async (): Promise<number> =>
      (await world.reputation(alpha.node.machine.nodeId)) + (await world.reputation(beta.node.machine.nodeId));
    const run = async (payer = world.user): Promise<number> => {
      const { jobId } = await world.submit({}, payer);
      await world.train(jobId);
      await world.verify(jobId);
      return scores();
    };
    expect(await scores()).toBe(15_000);
    const first = await run();
    expect(first).toBe(15_000 + 50 + 13);
    expect(await run()).toBe(first);
    expect(await run(await world.market.user())).toBeGreaterThan(first);
    const shown = await world.market.send("GET", `/api/nodes/${alpha.node.machine.nodeId}/reputation`);
    expect(shown.status).toBe(200);
    expect(shown.text).not.toContain(world.user.id);
    expect(shown.text).not.toContain(alpha.owner.id);
  });

  it("[VER6] is asked of two owners where it was picked for an audit", async () => {
    await using world = await ScriptedMarket.create({ verification: { auditedShare: 1 } });
    for (const name of ["alpha", "beta", "gamma"]) await world.hire(name);
    const { jobId } = await world.submit();
    await world.train(jobId);
    const first = await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING" });
    const second = await world.verify(jobId);
    expect(second.owner).not.toEqual(first.owner);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "COMPLETED",
      verification: { verdict: "verified", reruns: [{ outcome: "agrees" }, { outcome: "agrees" }] },
    });
    expect(await world.market.balance(first.owner)).toBe(await world.market.balance(second.owner));
    await world.receipt(jobId);
  });

  it("[VER6] ends with one answer where an audit has nobody else to ask", async () => {
    await using world = await ScriptedMarket.create({ verification: { auditedShare: 1 } });
    for (const name of ["alpha", "beta"]) await world.hire(name);
    const { jobId } = await world.submit();
    await world.train(jobId);
    await world.verify(jobId);
    await world.market.schedule();
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "COMPLETED",
      verification: { verdict: "verified", reruns: [{ outcome: "agrees" }] },
    });
    await world.receipt(jobId);
  });

  it("[VER6] waits for others where an audit was contradicted, though nobody else is there", async () => {
    await using world = await ScriptedMarket.create({ verification: { auditedShare: 1 } });
    for (const name of ["alpha", "beta", "gamma"]) await world.hire(name);
    const { jobId } = await world.submit();
    await world.train(jobId);
    await world.verify(jobId);
    const slanderer = await world.next(jobId);
    await slanderer.node.rerun(slanderer.task, { says: { endSha256: "0".repeat(64) } });
    await world.market.schedule();
    expect(await world.state(jobId)).toBe("VERIFYING");
  });

  it("is the same through a restart of the server between any two steps, and through reports that come twice", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("alpha");
    await world.hire("beta");
    const { jobId, quoted } = await world.submit();
    const restart = async (): Promise<void> => world.market.restart();
    const { node, task, owner } = await world.next(jobId);
    const training = await node.begin(task);
    await training.commitTo(50);
    await restart();
    await world.reconnect({ node, owner }, [task]);
    await training.commitTo(100);
    await restart();
    await world.reconnect({ node, owner }, [task]);
    expect(await training.result()).toMatchObject({ accepted: true });
    await restart();
    await world.reconnect({ node, owner });
    expect(await training.result()).toMatchObject({ accepted: true });
    expect(await world.job(jobId)).toMatchObject({ state: "VERIFYING" });

    for (const hired of world.hired) await world.reconnect(hired);
    const asked = await world.next(jobId);
    await restart();
    await world.reconnect(asked, [asked.task]);
    expect(await asked.node.rerun(asked.task)).toMatchObject({ accepted: true });
    await restart();
    await world.reconnect(asked);
    const again = await asked.node.node.report("rerun", await asked.node.found(asked.task).catch(() => asked.task));
    expect(again).toMatchObject({ accepted: true });
    await world.market.settle();
    await restart();
    await world.market.settle();

    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    expect(await world.market.balance(owner)).toBe(quoted - quoted / 10n);
    expect(await world.market.balance(asked.owner)).toBe(quoted / 10n / 4n);
    await world.receipt(jobId);
  });
});
