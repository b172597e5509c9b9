import { describe, expect, it } from "vitest";
import { idOf } from "../assignments/node.fixture.ts";
import { ScriptedMarket } from "./scripted-market.fixture.ts";

describe("a result that is not checked", () => {
  it("is of class unverified where its user asks for no check, and its receipt says so", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("trainer");
    await world.hire("idle");
    const { jobId } = await world.submit({ requirements: { device: "any", verification: "none" } });
    const { node, task } = await world.next(jobId);
    expect(await node.train(task)).toMatchObject({ accepted: true });
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "COMPLETED",
      verification: { verdict: "unverified", interval: null, reruns: [], paid: "0" },
    });
    expect((await world.receipt(jobId)).verification).toMatchObject({ verdict: "unverified", interval: null });
    expect(await world.reputation(node.machine.nodeId)).toBe(7_500);
  });

  it("is of class unverified in a market that checks nothing", async () => {
    await using world = await ScriptedMarket.create({ verification: { isEnabled: false } });
    await world.hire("trainer");
    const { jobId } = await world.submit();
    await world.train(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "unverified" } });
    expect((await world.receipt(jobId)).verification.verdict).toBe("unverified");
  });

  it("may be begun by a node that keeps no chain and ended by one that does; then it has no receipt", async () => {
    await using world = await ScriptedMarket.create();
    const older = await world.hire("older");
    const { jobId } = await world.submit({ requirements: { device: "any", verification: "none" } });
    const { node, task } = await world.next(jobId);
    await (await node.begin(task)).commit(5, { initialSha256: "" });
    await world.dismiss(older);
    await world.pass(30_001);
    await world.hire("newer");
    const next = await world.next(jobId);
    expect(next.task.chainHead).toBeUndefined();
    expect(await next.node.train(next.task)).toMatchObject({ accepted: true });
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", has_receipt: false });
  });

  it("still has to stand for what was reported, if it says what it stands for", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("trainer");
    const { jobId } = await world.submit({ requirements: { device: "any", verification: "none" } });
    const { node, task } = await world.next(jobId);
    expect(await node.train(task, { unchained: 40 })).toMatchObject({ code: "central/chain-mismatch" });
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED" });
  });

  it("is not accepted from an older node for a job that is to be checked: the attempt failed", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("older");
    const { jobId } = await world.submit();
    const { node, task } = await world.next(jobId);
    await node.node.report("accepted", idOf(task));
    const { cid, sha256, sizeBytes } = await node.upload("weights");
    const answer = await world.market.call("NodeService.reportCompletion", node.machine.apiKey, {
      nodeId: node.machine.nodeId,
      jobId,
      result: {
        status: 1,
        modelWeightsUri: `ipfs://${cid}`,
        modelWeightsHash: sha256,
        modelSize: sizeBytes,
        finalMetrics: {},
        totalComputeTime: 3n,
      },
    });
    expect(answer).toMatchObject({ error: { message: expect.stringContaining("chain root") } });
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    expect(await world.reputation(node.machine.nodeId)).toBe(7_125);
  });
});
