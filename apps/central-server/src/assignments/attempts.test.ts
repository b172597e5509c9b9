import { describe, expect, it } from "vitest";
import { parseAmount } from "@cyxwiz/primitives";
import { Blame } from "@cyxwiz/protocol";
import { idOf } from "./node.fixture.ts";
import { TestMarket } from "./market.fixture.ts";

const LEASE = 30_001;

describe("attempts that do not end well", () => {
  it("a declined offer goes to another node, and the decliner is not asked again", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const first = await market.connect(await market.register(owner, { name: "cheap", pricePerHour: "0.01" }));
    const { jobId } = await market.submit(user);
    await market.schedule();
    const task = await first.task();
    const declined = await first.report("declined", {
      ...idOf(task),
      code: "node/busy",
      message: "its owner plays a game",
    });
    expect(declined).toMatchObject({ accepted: true });
    await market.schedule();
    const waiting = await market.job(user, jobId);
    expect(waiting).toMatchObject({ state: "ESCROWED", node: null });
    expect(waiting.waiting_because).toContain("declined this job before");
    const second = await market.connect(await market.register(owner, { name: "other", pricePerHour: "0.01" }));
    await market.schedule();
    expect(await second.task()).toMatchObject({ jobId });
  });

  it("a lost lease gives the job to another node at its last checkpoint; the old token is refused; both are paid", async () => {
    await using market = await TestMarket.create();
    const [user, alice, bob] = [await market.user(), await market.user(0n), await market.user(0n)];
    const first = await market.connect(await market.register(alice, { pricePerHour: "0.05" }));
    const { jobId, amount } = await market.submit(user);
    await market.schedule();
    const lost = await first.task();
    await first.accept(lost);
    await first.checkpoint(lost, 25n);
    await first.progress(lost, 40n);
    await market.pass(LEASE);
    expect(await market.job(user, jobId)).toMatchObject({ state: "ESCROWED", step: 25, progress: 0.25 });

    const second = await market.connect(await market.register(bob, { pricePerHour: "0.05" }));
    await market.schedule();
    const task = await second.task();
    expect(task).toMatchObject({ jobId, resume: { step: 25n } });
    expect(task.fencingToken).toBeGreaterThan(lost.fencingToken);

    expect(await first.checkpoint(lost, 50n)).toMatchObject({ accepted: false, code: "central/assignment-over" });
    const stolen = { ...task, fencingToken: lost.fencingToken };
    expect(await second.progress(stolen, 30n)).toMatchObject({
      accepted: false,
      code: "central/fencing-token-mismatch",
    });
    expect(await second.result(task)).toMatchObject({ accepted: true });
    await market.settle();

    const quoted = parseAmount(amount);
    const ownersAfter25 = quoted / 4n - quoted / 4n / 10n;
    expect(await market.balance(alice)).toBe(ownersAfter25);
    expect(await market.balance(bob)).toBe(quoted - quoted / 10n - ownersAfter25);
    expect((await market.job(user, jobId)).payment.shares).toHaveLength(2);
  });

  it("a heartbeat that lists the attempt keeps its lease, whatever the stream does", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner);
    const node = await market.connect(machine);
    const { jobId } = await market.submit(user);
    await market.schedule();
    const task = await node.task();
    await node.progress(task, 1n);
    await node.close();
    const running = [{ ...idOf(task), jobId, step: 1n }];
    for (let beats = 0; beats < 4; beats++) {
      const request = { nodeId: machine.nodeId, activeJobs: [], units: [], running };
      await market.call("NodeService.heartbeat", machine.apiKey, request);
      await market.pass(14_000);
    }
    expect((await market.job(user, jobId)).state).toBe("RUNNING");
    await market.pass(LEASE);
    expect((await market.job(user, jobId)).state).toBe("ESCROWED");
  });

  it("a job that four attempts lose is FAILED by nodes and refunded in full, committed steps included", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const before = await market.balance(user);
    let jobId = "";
    for (let attempt = 0; attempt < 4; attempt++) {
      const node = await market.connect(await market.register(owner, { pricePerHour: "0.05" }));
      if (attempt === 0) jobId = (await market.submit(user)).jobId;
      await market.schedule();
      const task = await node.task();
      if (attempt === 0) await node.checkpoint(task, 25n);
      const failure = { ...idOf(task), blame: Blame.NODE, code: "node/disk-full", message: "no room", step: 30n };
      expect(await node.report("failed", failure)).toMatchObject({ accepted: true });
    }
    await market.settle();
    expect(await market.job(user, jobId)).toMatchObject({
      state: "FAILED",
      failure: { blame: "node", code: "node/disk-full" },
      payment: { owner: "0", platform: "0" },
    });
    expect(await market.balance(user)).toBe(before);
  });

  it("a failure of the job itself (NaN) names its step, and pays the committed steps", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const { jobId, amount } = await market.submit(user);
    await market.schedule();
    const task = await node.task();
    await node.checkpoint(task, 50n);
    await node.progress(task, 61n, Number.NaN);
    expect((await market.job(user, jobId)).loss).toBeNull();
    const failure = {
      ...idOf(task),
      blame: Blame.JOB,
      code: "backend/loss-not-finite",
      message: "the loss is NaN",
      step: 61n,
    };
    await node.report("failed", failure);
    await market.settle();
    const due = parseAmount(amount) / 2n;
    expect(await market.job(user, jobId)).toMatchObject({
      state: "FAILED",
      failure: { blame: "job", message: "the loss is NaN (step 61)" },
    });
    expect(await market.balance(owner)).toBe(due - due / 10n);
    await market.market.work.flush();
    const losses = await market.send("GET", `/api/jobs/${jobId}/losses`, { token: user.token });
    expect(losses).toMatchObject({ status: 200, body: { points: [] } });
  });

  it("a report with characters that no database takes ends the job all the same, and the stream goes on", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    await market.schedule();
    const task = await node.task();
    await node.accept(task);
    const failure = {
      ...idOf(task),
      blame: Blame.JOB,
      code: "backend/safetensors\u0000",
      message: "evil\u0000name",
      step: 0n,
    };
    expect(await node.report("failed", failure)).toMatchObject({ accepted: true });
    expect(await market.job(user, jobId)).toMatchObject({
      state: "FAILED",
      failure: { blame: "job", message: "evil\ufffdname (step 0)" },
    });
    expect(await node.report("failed", failure)).toMatchObject({ accepted: false, code: "central/assignment-over" });
  });

  it("refuses steps that were committed or do not exist, and checkpoints that nobody uploaded", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    await market.submit(user);
    await market.schedule();
    const task = await node.task();
    expect(await node.checkpoint(task, 25n)).toMatchObject({ accepted: true });
    expect(await node.checkpoint(task, 25n)).toMatchObject({ accepted: false, code: "central/step-out-of-range" });
    const foreign = await market.upload(user.token, "not the node's");
    const claim = {
      ...idOf(task),
      step: 30n,
      initialSha256: "",
      cid: foreign.cid,
      sha256: "0".repeat(64),
      sizeBytes: BigInt(foreign.sizeBytes),
    };
    expect(await node.report("checkpoint", claim)).toMatchObject({
      accepted: false,
      code: "central/artifact-not-found",
    });
    expect(await node.checkpoint(task, 101n)).toMatchObject({ accepted: false, code: "central/step-out-of-range" });
  });

  it("a checkpoint and a result whose answer was lost may be reported again", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    await market.schedule();
    const task = await node.task();
    const stored = { ...idOf(task), step: 5n, initialSha256: "", ...(await node.artifact("state")) };
    for (let times = 0; times < 2; times++)
      expect(await node.report("checkpoint", stored)).toMatchObject({ accepted: true });
    for (let times = 0; times < 2; times++) expect(await node.result(task)).toMatchObject({ accepted: true });
    await market.settle();
    expect(await market.job(user, jobId)).toMatchObject({ state: "COMPLETED", payment: { escrow_state: "SETTLED" } });
  });
});

describe("the task stream", () => {
  it("wants a hello first, and the node's own key", async () => {
    await using market = await TestMarket.create();
    const owner = await market.user(0n);
    const [mine, other] = [await market.register(owner), await market.register(await market.user(0n))];
    const context = await market.rpcContext("cyxwiz.protocol.NodeService/StreamTasks", other.apiKey);
    const stream = (message: object): AsyncIterable<unknown> =>
      market.handler("NodeService", "streamTasks")(
        (async function* () {
          yield { sequence: 1n, message };
        })(),
        context,
      ) as AsyncIterable<unknown>;
    const first = async (message: object): Promise<unknown> => Array.fromAsync(stream(message));
    await expect(first({ case: "accepted", value: {} })).rejects.toMatchObject({ code: "central/hello-missing" });
    await expect(first({ case: "hello", value: { nodeId: mine.nodeId, running: [] } })).rejects.toMatchObject({
      code: "central/node-foreign",
    });
  });

  it("a second stream of a node replaces the first", async () => {
    await using market = await TestMarket.create();
    const machine = await market.register(await market.user(0n));
    const first = await market.connect(machine);
    await market.connect(machine);
    await expect(first.receive("assignment")).rejects.toThrow("stream ended");
    expect(first.ended).toMatchObject({ code: "central/stream-replaced" });
  });

  it("calls off what a returning node should not run, and hands it again what it lost", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner);
    const node = await market.connect(machine);
    await market.submit(user);
    await market.schedule();
    const task = await node.task();
    await node.checkpoint(task, 25n);
    await node.close();
    const ghost = {
      assignmentId: "a7c0a9a0-9d8e-4f00-8a52-6d0f3c7f4a11",
      jobId: task.jobId,
      fencingToken: 1n,
      step: 3n,
    };
    const back = await market.connect(machine, [ghost]);
    expect(await back.receive("cancel")).toMatchObject({ assignmentId: ghost.assignmentId });
    expect(await back.task()).toMatchObject({ assignmentId: task.assignmentId, resume: { step: 25n } });
  });

  it("takes the work from a node that comes back without it again and again", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner);
    let node = await market.connect(machine);
    const { jobId } = await market.submit(user);
    await market.schedule();
    await node.task();
    for (let crash = 0; crash < 4; crash++) {
      await node.close();
      node = await market.connect(machine);
    }
    const job = await market.job(user, jobId);
    expect(job.state).toBe("ESCROWED");
    expect(job.events.at(-1)).toMatchObject({ kind: "node-lost", message: expect.stringContaining("again and again") });
  });

  it("keeps jobs and leases over a restart: the node goes on under the same token", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner);
    const node = await market.connect(machine);
    const { jobId } = await market.submit(user);
    await market.schedule();
    const task = await node.task();
    await node.progress(task, 5n);
    await market.market.work.flush();
    await market.clock.advance(29_000);
    await market.restart();
    expect(await node.receive("drain")).toMatchObject({ reconnectAfterMs: 1_000 });
    await market.pass(29_000);
    const running = [{ assignmentId: task.assignmentId, jobId, fencingToken: task.fencingToken, step: 9n }];
    const back = await market.connect(machine, running);
    expect(await market.job(user, jobId)).toMatchObject({ state: "RUNNING" });
    expect(await back.result(task)).toMatchObject({ accepted: true });
    expect(back.has("assignment")).toBe(false);
  });
});

describe("one computer", () => {
  it("two nodes with one fingerprint never both sell the device", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const fingerprint = "ab".repeat(32);
    const first = await market.connect(await market.register(owner, { fingerprint }));
    const second = await market.connect(await market.register(owner, { fingerprint }));
    const jobs = [(await market.submit(user)).jobId, (await market.submit(user)).jobId];
    await market.schedule();
    await market.schedule();
    const states = await Promise.all(jobs.map(async (jobId) => (await market.job(user, jobId)).state));
    expect(states.toSorted()).toEqual(["ASSIGNED", "ESCROWED"]);
    expect([first, second].filter((node) => node.has("assignment"))).toHaveLength(1);
    const devices = await market.send("GET", `/api/users/${owner.id}/devices`, { token: owner.token });
    const machines = devices.body["machines"] as { shared_fingerprint_with: string[] }[];
    expect(machines.map((machine) => machine.shared_fingerprint_with.length)).toEqual([1, 1]);
  });
});
