import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { ScriptedMarket, type Hired } from "../verification/scripted-market.fixture.ts";
import type { ScriptedTask } from "../verification/scripted-training.fixture.ts";

/** What these tests give an attempt, in seconds. */
const TIMEOUT = 3_600;
const BEAT_MS = 25_000;

/** The node says again and again that it works on its task, and does not. */
async function idle(world: ScriptedMarket, { node }: Hired, task: ScriptedTask, seconds: number): Promise<void> {
  for (let left = seconds * 1_000; left > 0; left -= BEAT_MS) {
    await node.node.progress(task, 1n);
    await world.pass(Math.min(left, BEAT_MS), world.hired);
  }
}

/** The quote gives the whole job so long, at most. */
async function quoteSeconds(world: ScriptedMarket, seconds: number): Promise<void> {
  await sql`update quotes set offer = jsonb_set(offer, '{band,p99}', to_jsonb(${seconds}::float8))`.execute(
    world.market.context.db,
  );
}

describe("an attempt to train that commits nothing", () => {
  it("ends when its time is over, counted from its last checkpoint; its node is not asked again", async () => {
    await using world = await ScriptedMarket.create();
    const slow = await world.hire("slow");
    const { jobId } = await world.submit();
    const { node, task } = await world.next(jobId);
    const training = await node.begin(task);
    await idle(world, slow, task, TIMEOUT - 100);
    expect(await training.commit(5)).toMatchObject({ accepted: true });
    await idle(world, slow, task, TIMEOUT);
    expect((await world.holder(jobId))?.node, "its time is up after and not at the limit").toBe(slow.node);
    await idle(world, slow, task, 1);
    expect(await world.job(jobId)).toMatchObject({ step: 5, state: "VERIFYING" });
    const ended = await world.market.context.db.selectFrom("assignments").select("failure").execute();
    expect(ended).toMatchObject([{ failure: { code: "central/attempt-timed-out" } }]);
    const shown = await world.market.send("GET", `/api/nodes/${node.machine.nodeId}/reputation`);
    expect(shown.body).toMatchObject({ changes: [{ cause: "timed-out" }], penalties: [{ cause: "timed-out" }] });
  });

  it("gets four times what the quote gives an interval, where that is more", async () => {
    await using world = await ScriptedMarket.create();
    const slow = await world.hire("slow");
    const { jobId } = await world.submit();
    // An interval is a twentieth of the job: 1 000 s.
    await quoteSeconds(world, 20_000);
    const { node, task } = await world.next(jobId);
    await node.node.accept(task);
    await idle(world, slow, task, 4_000);
    expect((await world.holder(jobId))?.node).toBe(slow.node);
    await idle(world, slow, task, 1);
    expect(await world.holder(jobId)).toBeUndefined();
  });
});

describe("a re-run that was accepted and idles", () => {
  it("ends when its time is over, and another node is asked", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("trainer");
    const { jobId } = await world.submit();
    await world.train(jobId);
    const lazy = await world.hire("lazy");
    const { node, task } = await world.next(jobId);
    expect(node).toBe(lazy.node);
    const answer = await node.found(task);
    await node.node.accept(task);
    await idle(world, lazy, task, TIMEOUT);
    expect((await world.holder(jobId))?.node).toBe(lazy.node);
    await idle(world, lazy, task, 1);
    expect(await world.holder(jobId)).toBeUndefined();
    expect(await node.node.report("rerun", answer)).toMatchObject({ accepted: false, code: "central/assignment-over" });
    const honest = await world.hire("honest");
    expect((await world.verify(jobId)).node).toBe(honest.node);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });
});

describe("an attempt that cannot be ended", () => {
  it("is told of and keeps no other waiting", async () => {
    await using world = await ScriptedMarket.create();
    for (const name of ["alpha", "beta"]) await world.hire(name);
    const jobs = [(await world.submit()).jobId, (await world.submit()).jobId];
    await world.market.schedule();
    const { db } = world.market.context;
    const [broken, other] = jobs;
    await db
      .updateTable("assignments")
      .set({ state: "EXPIRED?" })
      .where("job_id", "=", broken as string)
      .execute();
    await world.dismiss(...world.hired);
    await world.pass(30_001);
    expect(await world.state(other as string)).toBe("ESCROWED");
    expect(await world.state(broken as string)).toBe("ASSIGNED");
    expect(world.market.logger.lines).toContainEqual(
      expect.objectContaining({ level: "error", message: "an attempt could not be ended" }),
    );
  });
});
