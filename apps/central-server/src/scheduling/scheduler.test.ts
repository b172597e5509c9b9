import { describe, expect, it } from "vitest";
import { TestMarket } from "../assignments/market.fixture.ts";

describe("the scheduler", () => {
  it("gives a node at most as many jobs as it may have, and one to a unit", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const limit = market.context.config.scheduler.maxJobsPerNode;
    const node = await market.connect(await market.register(owner, { cpus: limit + 2 }));
    const jobs: string[] = [];
    for (let count = 0; count < limit + 1; count++) jobs.push((await market.submit(user)).jobId);
    await market.schedule();
    await market.schedule();
    const states = await Promise.all(jobs.map(async (jobId) => (await market.job(user, jobId)).state));
    expect(states.filter((state) => state === "ASSIGNED")).toHaveLength(limit);
    const units = new Set<unknown>();
    for (let count = 0; count < limit; count++) units.add((await node.task())["unitId"]);
    expect(units.size).toBe(limit);
  });

  it("gives a job only to the node that its user named, and explains the wait", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const wished = await market.connect(await market.register(owner, { name: "wished", pricePerHour: "1" }));
    const cheap = await market.connect(await market.register(owner, { name: "cheap", pricePerHour: "0.01" }));
    const requirements = { device: "any", verification: "required", node_id: wished.machine.nodeId } as const;
    const { jobId } = await market.submit(user, { requirements });
    await wished.close();
    await market.schedule();
    expect(await market.job(user, jobId)).toMatchObject({
      state: "ESCROWED",
      waiting_because: expect.stringContaining("offline"),
    });
    const back = await market.connect(wished.machine);
    await market.schedule();
    expect(await back.task()).toMatchObject({ jobId });
    expect(cheap.has("assignment")).toBe(false);
  });

  it("gives no work to a machine in maintenance, nor to a paused unit", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const machine = await market.register(owner);
    await market.connect(machine);
    const { jobId } = await market.submit(user);
    const { db } = market.context;
    await db.updateTable("machines").set({ maintenance: true }).execute();
    await market.schedule();
    expect((await market.job(user, jobId)).state).toBe("ESCROWED");
    await db.updateTable("machines").set({ maintenance: false }).execute();
    const units = [{ unit_id: machine.unitIds[0], status: "paused" }];
    const path = `/api/nodes/${machine.nodeId}/heartbeat`;
    await market.send("POST", path, { token: machine.apiKey, body: { compute_units: units } });
    await market.schedule();
    expect(await market.job(user, jobId)).toMatchObject({
      state: "ESCROWED",
      waiting_because: expect.stringContaining("paused"),
    });
  });

  it("shows why a node was chosen: terms that add up to its score, and what the others had offered", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    await market.connect(await market.register(owner, { name: "dear", pricePerHour: "9" }));
    await market.connect(await market.register(owner, { name: "cheap", pricePerHour: "0.01" }));
    const { jobId } = await market.submit(user);
    await market.schedule();
    // The quote is the cheap node's cost, so the dear one does not even fit.
    const { placement, node } = await market.job(user, jobId);
    expect(node).toMatchObject({ name: "cheap" });
    const sum = Object.values(placement?.breakdown ?? {}).reduce((total, term) => total + term, 0);
    expect(sum).toBeCloseTo(placement?.score ?? Number.NaN, 9);
    expect(placement?.runners_up).toEqual([]);
    expect(placement?.other_offers).toMatchObject([{ node_name: "dear", cost: expect.any(String) }]);
  });

  it("shows a unit that came next once, with its score of that moment instead of its old offer", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    for (const name of ["one", "two"])
      await market.connect(await market.register(owner, { name, pricePerHour: "0.05" }));
    const { jobId } = await market.submit(user);
    await market.schedule();
    const { placement } = await market.job(user, jobId);
    expect(placement).toMatchObject({ runners_up: [{ score: expect.any(Number) }], other_offers: [] });
  });

  it("refunds a job that found no node in time, and not a day earlier", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const before = await market.balance(user);
    const { jobId } = await market.submit(user);
    await node.close();
    const day = 24 * 3_600_000;
    await market.clock.advance(2 * day);
    await market.market.work.deadlines.sweep();
    const later = await market.login(user);
    expect((await market.job(later, jobId)).state).toBe("ESCROWED");
    await market.clock.advance(2 * day);
    await market.market.work.deadlines.sweep();
    await market.settle();
    expect(await market.job(await market.login(user), jobId)).toMatchObject({
      state: "FAILED",
      failure: { blame: "server", code: "central/deadline-exceeded" },
      payment: { escrow_state: "SETTLED" },
    });
    expect(await market.balance(user)).toBe(before);
  });

  it("does not place a job that was cancelled since the plan was made", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const node = await market.connect(await market.register(owner));
    const { jobId } = await market.submit(user);
    await market.send("POST", `/api/jobs/${jobId}/cancel`, { token: user.token, body: {} });
    await market.schedule();
    expect(node.has("assignment")).toBe(false);
    expect((await market.job(user, jobId)).state).toBe("CANCELLED");
  });

  it("says what a pass leaves: nothing, or jobs that fit nowhere now", async () => {
    await using market = await TestMarket.create();
    const [user, owner] = [await market.user(), await market.user(0n)];
    const { scheduler } = market.market.work;
    expect(await scheduler.pass()).toBe("idle");
    await market.connect(await market.register(owner));
    await market.submit(user);
    expect(await scheduler.pass()).toBe("idle");
    await market.submit(user);
    expect(await scheduler.pass()).toBe("waiting");
  });
});
