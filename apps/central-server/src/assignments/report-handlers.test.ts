import { describe, expect, it } from "vitest";
import { TestMarket } from "./market.fixture.ts";

describe("reports of older nodes", () => {
  it("lead the same job through the same states, by job instead of by attempt", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner);
    const node = await market.connect(machine);
    const { jobId } = await market.submit(user);
    await market.schedule();
    await node.task();
    const ids = { nodeId: machine.nodeId, jobId };
    expect(await market.call("NodeService.notifyJobAccepted", machine.apiKey, ids)).toEqual({
      status: 1,
      acknowledged: true,
    });
    const update = { ...ids, status: 4, progress: 0.5, currentEpoch: 5, metrics: { loss: 0.5 }, logMessage: "" };
    expect(await market.call("JobStatusService.updateJobStatus", machine.apiKey, update)).toEqual({
      status: 1,
      shouldContinue: true,
    });
    const progress = { ...ids, status: { progress: 0.6, currentEpoch: 6, metrics: {} }, currentMetrics: { loss: 0.4 } };
    expect(await market.call("NodeService.reportProgress", machine.apiKey, progress)).toEqual({
      status: 1,
      continueJob: true,
    });
    expect(await market.job(user, jobId)).toMatchObject({ state: "RUNNING", step: 60, loss: 0.4, epoch: 6 });
    const model = await node.artifact("a model");
    const result = {
      ...ids,
      finalStatus: 1,
      finalMetrics: { accuracy: 0.8 },
      modelWeightsUri: `ipfs://${model.cid}`,
      modelWeightsHash: model.sha256,
      modelSize: model.sizeBytes,
      totalComputeTime: 9n,
      errorMessage: "",
    };
    expect(await market.call("JobStatusService.reportJobResult", machine.apiKey, result)).toEqual({ status: 1 });
    expect(await market.job(user, jobId)).toMatchObject({
      state: "COMPLETED",
      verification: { verdict: "unverified" },
    });
    await expect(market.call("JobStatusService.updateJobStatus", machine.apiKey, update)).rejects.toMatchObject({
      code: "central/job-not-assigned",
      rpc: "not-found",
    });
  });

  it("a failure goes back to the queue; a model that is elsewhere is refused in-band", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner);
    const node = await market.connect(machine);
    const { jobId } = await market.submit(user);
    await market.schedule();
    await node.task();
    const ids = { nodeId: machine.nodeId, jobId };
    const elsewhere = {
      status: 1,
      modelWeightsUri: "file:///tmp/model",
      modelWeightsHash: "",
      modelSize: 3n,
      finalMetrics: {},
    };
    expect(
      await market.call("NodeService.reportCompletion", machine.apiKey, { ...ids, result: elsewhere }),
    ).toMatchObject({
      status: 6,
      error: { code: 409, details: "central/artifact-not-found" },
    });
    const failed = { status: 6, modelWeightsUri: "", modelWeightsHash: "", modelSize: 0n, finalMetrics: {} };
    expect(await market.call("NodeService.reportCompletion", machine.apiKey, { ...ids, result: failed })).toEqual({
      status: 1,
    });
    expect((await market.job(user, jobId)).state).toBe("ESCROWED");
  });
});
