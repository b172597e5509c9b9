import { randomUUID } from "node:crypto";
import type { JobId } from "@cyxwiz/primitives";
import { describe, expect, it } from "vitest";
import { TestMarket, type TestUser } from "../assignments/market.fixture.ts";

/** What a client without a quote sends for the job of `quoteRequest`. */
async function withoutQuote(market: TestMarket, user: TestUser, change: object = {}): Promise<object> {
  const { graph, dataset, settings } = await market.quoteRequest(user);
  return {
    quoteId: "",
    config: {
      jobId: "",
      jobType: 1,
      modelDefinition: graph,
      hyperparameters: {},
      batchSize: settings.batch_size,
      epochs: settings.epochs,
      requiredDevice: 0,
      paymentAmount: 0,
      ...change,
    },
    dataset: {
      cid: dataset.cid,
      sizeBytes: BigInt(dataset.size_bytes),
      trainSamples: 100n,
      testSamples: 0n,
      sampleShape: [4],
      classes: 3,
      targetShape: [],
    },
  };
}

describe("JobService", () => {
  it("submits without a quote: the server quotes, and the job id makes the call repeatable", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const jobId = randomUUID();
    const request = await withoutQuote(market, user, { jobId });
    for (let times = 0; times < 2; times++) {
      expect(await market.call("JobService.submitJob", user.token, request)).toEqual({ jobId, status: 1 });
    }
    const status = await market.call("JobService.getJobStatus", user.token, { jobId });
    expect(status).toMatchObject({ status: { jobId, status: 3, state: "ESCROWED", totalSteps: 100n } });
    const list = await market.call("JobService.listJobs", user.token, { pageSize: 0, pageToken: "", filterStatus: 3 });
    expect(list).toMatchObject({ jobs: [{ jobId }], totalCount: 1, nextPageToken: "" });
  });

  it("gives one job for one job id, also when the same call without a quote comes five times at once", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const jobId = randomUUID();
    const request = await withoutQuote(market, user, { jobId });
    const calls = Array.from({ length: 5 }, () => market.call("JobService.submitJob", user.token, request));
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 5 }, () => ({ jobId, status: 1 })));
    const list = await market.call("JobService.listJobs", user.token, { pageSize: 0, pageToken: "", filterStatus: 3 });
    expect(list).toMatchObject({ totalCount: 1 });
  });

  it("answers 402 in-band over the ceiling and without funds, 404 for another's job, 400 for a wrong config", async () => {
    await using market = await TestMarket.create();
    const [user, poor, owner] = [await market.user(), await market.user(0n), await market.user(0n)];
    await market.connect(await market.register(owner));
    const submit = async (who: TestUser, change: object): Promise<unknown> =>
      market.call("JobService.submitJob", who.token, await withoutQuote(market, who, change));
    expect(await submit(user, { paymentAmount: 0.00001 })).toMatchObject({
      status: 6,
      error: { code: 402, details: "central/payment-ceiling-exceeded" },
    });
    expect(await submit(poor, {})).toMatchObject({ error: { code: 402, details: "market/insufficient-funds" } });
    expect(await submit(user, { epochs: 0 })).toMatchObject({
      error: {
        code: 400,
        details: "central/job-config-malformed",
        message: expect.stringContaining("settings.epochs"),
      },
    });
    expect(await submit(user, { jobType: 2 })).toMatchObject({ error: { details: "central/job-type-unsupported" } });
    const bare = { quoteId: "", config: { jobId: "", jobType: 1, hyperparameters: {} } };
    expect(await market.call("JobService.submitJob", user.token, bare)).toMatchObject({
      error: { code: 400, details: "central/dataset-missing" },
    });
    expect(await market.call("JobService.getJobStatus", user.token, { jobId: randomUUID() })).toMatchObject({
      error: { code: 404, details: "central/job-not-found" },
    });
  });

  it("a malformed id is a gRPC error", async () => {
    await using market = await TestMarket.create();
    const user = await market.user();
    await expect(market.call("JobService.getJobStatus", user.token, { jobId: "nonsense" })).rejects.toMatchObject({
      rpc: "invalid-argument",
    });
  });

  it("deletes only ended jobs, and hides them", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    expect(await market.call("JobService.deleteJob", user.token, { jobId })).toMatchObject({
      error: { code: 409, details: "central/job-not-ended" },
    });
    expect(await market.call("JobService.cancelJob", user.token, { jobId, reason: "" })).toEqual({
      status: 1,
      refundIssued: true,
    });
    await market.settle();
    const status = (): Promise<unknown> => market.call("JobService.getJobStatus", user.token, { jobId });
    expect(await status()).toMatchObject({ status: { state: "CANCELLED", payment: { escrowState: "SETTLED" } } });
    expect(await market.call("JobService.deleteJob", user.token, { jobId })).toEqual({ status: 1 });
    expect(await status()).toMatchObject({ error: { code: 404, details: "central/job-not-found" } });
    const list = await market.call("JobService.listJobs", user.token, { pageSize: 0, pageToken: "", filterStatus: 0 });
    expect(list["jobs"]).toEqual([]);
    expect((await market.send("GET", `/api/jobs/${jobId}`, { token: user.token })).status).toBe(404);
  });

  it("answers GetJobStatus with what is true at each step of a job, and only to its user", async () => {
    await using market = await TestMarket.create();
    const [user, other, owner] = [await market.user(), await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    const status = async (): Promise<unknown> => {
      const answers = [];
      for (let times = 0; times < 2; times++) {
        answers.push(await market.call("JobService.getJobStatus", user.token, { jobId }));
      }
      expect(answers[1]).toEqual(answers[0]);
      expect(await market.call("JobService.getJobStatus", other.token, { jobId })).toEqual({
        error: expect.objectContaining({ code: 404, details: "central/job-not-found" }),
      });
      return answers[0];
    };
    expect(await status()).toMatchObject({ status: { state: "ESCROWED", currentNodeId: "" } });
    await market.schedule();
    const task = await node.task();
    expect(await status()).toMatchObject({ status: { state: "ASSIGNED", currentNodeId: expect.stringMatching(/./) } });
    await node.progress(task, 10n, 0.25);
    expect(await status()).toMatchObject({ status: { state: "RUNNING", step: 10n, metrics: { loss: 0.25 } } });
    await market.market.work.flush();
    market.market.work.progress.forget(jobId as JobId);
    expect(await status()).toMatchObject({ status: { state: "RUNNING", step: 10n } });
    await node.progress(task, 20n, 0.125);
    expect(await status()).toMatchObject({ status: { state: "RUNNING", step: 20n, metrics: { loss: 0.125 } } });
    await node.result(task);
    expect(await status()).toMatchObject({ status: { state: "COMPLETED", step: 100n, currentNodeId: "" } });
    await market.settle();
    expect(await status()).toMatchObject({ status: { state: "COMPLETED", payment: { escrowState: "SETTLED" } } });
  });

  it("streams updates until the job is settled", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    const context = await market.rpcContext("cyxwiz.protocol.JobService/StreamJobUpdates", user.token);
    const streamed = market.handler("JobService", "streamJobUpdates")({ jobId }, context);
    const updates = (streamed as AsyncIterable<Update>)[Symbol.asyncIterator]();
    expect((await updates.next()).value).toMatchObject({ jobId, status: { state: "ESCROWED", status: 3 } });
    const next = async (act: () => Promise<unknown>): Promise<unknown> => {
      const coming = updates.next();
      await act();
      await market.clock.advance(100);
      return (await coming).value;
    };
    await market.schedule();
    const task = await node.task();
    expect(await next(() => node.progress(task, 10n, 0.25))).toMatchObject({
      status: { state: "RUNNING", status: 4, step: 10n },
      liveMetrics: { loss: 0.25 },
    });
    await node.result(task);
    expect(await next(async () => {})).toMatchObject({ status: { state: "COMPLETED", status: 4 } });
    const settled = next(() => market.settle());
    market.market.work.signals.changed(task.jobId as never);
    expect(await settled).toMatchObject({ status: { state: "COMPLETED" } });
  });
});

interface Update {
  readonly status: { readonly state: string };
}
