import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parseAmount, type JobId } from "@cyxwiz/primitives";
import { TestMarket } from "../assignments/market.fixture.ts";

const TEN_MINUTES = 600_000;

describe("submitting", () => {
  it("gives the first answer to a repeated submission and locks once", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const before = await market.balance(user);
    const { jobId, quoteId, amount } = await market.submit(user);
    const again = await market.send("POST", "/api/jobs", { token: user.token, body: { quote_id: quoteId } });
    expect(again.status).toBe(200);
    expect(again.body["job_id"]).toBe(jobId);
    expect(await market.balance(user)).toBe(before - parseAmount(amount));
  });

  it("two submissions of one quote at once make one job", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const quote = await market.send("POST", "/api/quotes", {
      token: user.token,
      body: await market.quoteRequest(user),
    });
    const body = { quote_id: quote.body["quote_id"] };
    const answers = await Promise.all(
      [1, 2, 3].map(() => market.send("POST", "/api/jobs", { token: user.token, body })),
    );
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map((answer) => answer.body["job_id"])).size).toBe(1);
  });

  it("refuses a job id that is used for another quote", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    const quote = await market.send("POST", "/api/quotes", {
      token: user.token,
      body: await market.quoteRequest(user),
    });
    const body = { quote_id: quote.body["quote_id"], job_id: jobId };
    const answer = await market.send("POST", "/api/jobs", { token: user.token, body });
    expect(answer).toMatchObject({ status: 409, body: { details: { reason: "central/job-id-taken" } } });
  });

  it("refuses an expired quote, says what to do, and locks nothing", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const quote = await market.send("POST", "/api/quotes", {
      token: user.token,
      body: await market.quoteRequest(user),
    });
    await market.clock.advance(TEN_MINUTES);
    const before = await market.balance(user);
    const body = { quote_id: quote.body["quote_id"] };
    const answer = await market.send("POST", "/api/jobs", { token: user.token, body });
    expect(answer).toMatchObject({
      status: 409,
      body: { code: "CONFLICT", details: { reason: "central/quote-expired" } },
    });
    expect(answer.body["error"]).toContain("POST /api/quotes");
    expect(await market.balance(user)).toBe(before);
  });

  it("refuses another user's quote as if it did not exist", async () => {
    await using market = await TestMarket.create();
    const [user, other, owner] = [await market.user(), await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const quote = await market.send("POST", "/api/quotes", {
      token: user.token,
      body: await market.quoteRequest(user),
    });
    const quoteId = String(quote.body["quote_id"]);
    const submitted = await market.send("POST", "/api/jobs", { token: other.token, body: { quote_id: quoteId } });
    expect(submitted).toMatchObject({ status: 404, body: { details: { reason: "central/quote-not-found" } } });
    expect(await market.send("GET", `/api/quotes/${quoteId}`, { token: other.token })).toMatchObject({ status: 404 });
  });

  it("refuses a user who cannot pay, and keeps no job", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(0n), await market.user(0n)];
    await market.connect(await market.register(owner));
    const quote = await market.send("POST", "/api/quotes", {
      token: user.token,
      body: await market.quoteRequest(user),
    });
    const body = { quote_id: quote.body["quote_id"] };
    const answer = await market.send("POST", "/api/jobs", { token: user.token, body });
    expect(answer).toMatchObject({ status: 409, body: { details: { reason: "market/insufficient-funds" } } });
    expect((await market.send("GET", "/api/jobs", { token: user.token })).body).toEqual({
      jobs: [],
      next_cursor: null,
    });
  });
});

describe("reading", () => {
  it("another user's job does not exist for the caller, whatever is asked of it", async () => {
    await using market = await TestMarket.create();
    const [user, other, owner] = [await market.user(), await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    for (const path of ["", "/losses", "/model"]) {
      const answer = await market.send("GET", `/api/jobs/${jobId}${path}`, { token: other.token });
      expect(answer).toMatchObject({ status: 404, body: { details: { reason: "central/job-not-found" } } });
    }
    const cancelled = await market.send("POST", `/api/jobs/${jobId}/cancel`, { token: other.token, body: {} });
    expect(cancelled.status).toBe(404);
  });

  it("a model that is not there yet is a 404 that says when it is", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    const answer = await market.send("GET", `/api/jobs/${jobId}/model?format=safetensors`, { token: user.token });
    expect(answer).toMatchObject({ status: 404, body: { details: { reason: "central/model-not-found" } } });
  });

  it("lists jobs newest first, page by page", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const made: string[] = [];
    for (let count = 0; count < 3; count++) {
      made.unshift((await market.submit(user)).jobId);
      await market.clock.advance(10);
    }
    const first = await market.send("GET", "/api/jobs?limit=2", { token: user.token });
    const cursor = String(first.body["next_cursor"]);
    const second = await market.send("GET", `/api/jobs?limit=2&cursor=${cursor}`, { token: user.token });
    const ids = [first, second].flatMap((page) => page.body["jobs"] as { job_id: string }[]).map((job) => job.job_id);
    expect(ids).toEqual(made);
    expect(second.body["next_cursor"]).toBeNull();
    const wrong = await market.send("GET", "/api/jobs?cursor=nonsense", { token: user.token });
    expect(wrong).toMatchObject({ status: 400, body: { details: { reason: "central/cursor-malformed" } } });
  });
});

describe("cancelling", () => {
  it("refunds everything before the first committed checkpoint", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const before = await market.balance(user);
    const { jobId } = await market.submit(user);
    await market.schedule();
    const task = await node.task();
    await node.accept(task);
    await node.progress(task, 20n);
    const answer = await market.send("POST", `/api/jobs/${jobId}/cancel`, {
      token: user.token,
      body: { reason: "changed my mind" },
    });
    expect(answer.body["state"]).toBe("CANCELLED");
    expect(await node.receive("cancel")).toMatchObject({ assignmentId: task.assignmentId, keepModel: false });
    await market.settle();
    expect(await market.balance(user)).toBe(before);
    expect(await market.balance(owner)).toBe(0n);
    expect(await node.progress(task, 21n)).toMatchObject({ accepted: false, code: "central/assignment-over" });
    const again = await market.send("POST", `/api/jobs/${jobId}/cancel`, { token: user.token, body: {} });
    expect(again).toMatchObject({ status: 409, body: { details: { reason: "central/job-already-ended" } } });
  });

  it("pays committed steps after the first checkpoint, and keeps the model that the node hands over", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const before = await market.balance(user);
    const { jobId, amount } = await market.submit(user);
    await market.schedule();
    const task = await node.task();
    await node.progress(task, 20n);
    await node.checkpoint(task, 25n);
    const asked = await market.send("POST", `/api/jobs/${jobId}/cancel`, {
      token: user.token,
      body: { keep_model: true },
    });
    expect(asked.body["state"]).toBe("RUNNING");
    const order = await node.receive("cancel");
    expect(order).toMatchObject({ keepModel: true });
    const stopped = await node.report("cancelled", {
      assignmentId: task.assignmentId,
      fencingToken: task.fencingToken,
      step: 30n,
      onnx: await node.artifact("model so far"),
    });
    expect(stopped).toMatchObject({ accepted: true });
    await market.settle();
    const due = parseAmount(amount) / 4n;
    expect(await market.balance(owner)).toBe(due - due / 10n);
    expect(await market.balance(user)).toBe(before - due);
    expect((await market.send("GET", `/api/jobs/${jobId}/model`, { token: user.token })).text).toContain(
      "model so far",
    );
  });

  it("ends without the model when the node does not hand it over in time", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    await market.schedule();
    const task = await node.task();
    await node.progress(task, 20n);
    await market.send("POST", `/api/jobs/${jobId}/cancel`, { token: user.token, body: { keep_model: true } });
    for (let tick = 0; tick < 3; tick++) {
      await node.progress(task, 21n);
      await market.pass(20_000);
    }
    expect(await market.job(user, jobId)).toMatchObject({ state: "CANCELLED", files: { onnx: null } });
  });

  it("is refused while the result is being checked", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    await market.context.db.updateTable("jobs").set({ state: "VERIFYING" }).where("id", "=", jobId).execute();
    const answer = await market.send("POST", `/api/jobs/${jobId}/cancel`, { token: user.token, body: {} });
    expect(answer).toMatchObject({ status: 409, body: { details: { reason: "central/job-in-verification" } } });
  });

  it("of an unknown job is a 404", async () => {
    await using market = await TestMarket.create();
    const user = await market.user();
    const answer = await market.send("POST", `/api/jobs/${randomUUID()}/cancel`, { token: user.token, body: {} });
    expect(answer.status).toBe(404);
  });
});

describe("deleting", () => {
  it("tells who watches the job", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner));
    const jobId = (await market.submit(user)).jobId as JobId;
    await market.send("POST", `/api/jobs/${jobId}/cancel`, { token: user.token, body: {} });
    const { jobs, signals } = market.market.work;
    const stop = new AbortController();
    const watch = signals.watch(jobId, stop.signal);
    await watch.next();
    const told = watch.next();
    await jobs.delete(jobId, user.id);
    // Without a signal this would never come.
    expect((await told).done).toBe(false);
    stop.abort();
  });
});
