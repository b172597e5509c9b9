import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { Blame } from "@cyxwiz/protocol";
import { idOf } from "../assignments/node.fixture.ts";
import { ScriptedMarket, WAIT_MS, type Hired } from "./scripted-market.fixture.ts";
import { hashOf, type Lie, type ScriptedTask, type ScriptedTraining } from "./scripted-training.fixture.ts";

const LEASE = 30_001;
const MADE_UP = { endSha256: hashOf("made up") };
const ALL = 1_000_000_000_000n;
const DRAINING = { blame: Blame.NODE, code: "node/draining" };

interface Begun {
  readonly world: ScriptedMarket;
  readonly jobId: string;
  readonly quoted: bigint;
  readonly trainer: Hired;
  readonly task: ScriptedTask;
  readonly training: ScriptedTraining;
}

/** A job of which these steps are committed. */
async function begun(
  step: number,
  {
    lie,
    others = [],
    secureRandom = () => 0.99,
  }: { lie?: Lie; others?: readonly string[]; secureRandom?: () => number } = {},
): Promise<Begun> {
  const world = await ScriptedMarket.create({ secureRandom });
  const trainer = await world.hire("trainer");
  const { jobId, quoted } = await world.submit();
  const { node, task } = await world.next(jobId);
  const training = await node.begin(task, lie);
  await training.commitTo(step);
  for (const name of others) await world.hire(name);
  return { world, jobId, quoted, trainer, task, training };
}

async function attemptsOf(world: ScriptedMarket): Promise<{ attempts: number; banned: readonly string[] }> {
  const { attempts, banned_machines } = await world.market.context.db
    .selectFrom("jobs")
    .select(["attempts", "banned_machines"])
    .executeTakeFirstOrThrow();
  return { attempts, banned: banned_machines };
}

async function decline({ node, task }: Hired & { readonly task: ScriptedTask }): Promise<void> {
  await node.node.report("declined", { ...idOf(task), code: "node/busy", message: "busy" });
}

/** Time goes on in beats that say that the node still has this task. */
async function beatOn(world: ScriptedMarket, { node }: Hired, task: ScriptedTask, ms: number): Promise<void> {
  const { nodeId, apiKey } = node.machine;
  const { assignmentId, jobId, fencingToken } = task;
  const running = [{ assignmentId, jobId, fencingToken, step: 0n }];
  for (let passed = 0; passed < ms; passed += 10_000) {
    await world.market.call("NodeService.heartbeat", apiKey, { nodeId, running, activeJobs: [], units: [] });
    await world.pass(10_000, world.hired);
  }
}

describe("a verifier that gives no answer", () => {
  it("is not asked again in this check, with none of its owner's nodes", async () => {
    const { world, jobId, training } = await begun(0);
    await using _ = world;
    await training.finish();
    const idle = await world.hire("idle");
    await world.hire("idle's spare", { owner: idle.owner });
    await decline(await world.next(jobId));
    await world.market.schedule();
    expect(await world.holder(jobId)).toBeUndefined();
    const honest = await world.hire("honest");
    expect((await world.verify(jobId)).node).toBe(honest.node);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });

  it("is asked again when it is the platform's, but not for ever", async () => {
    const { world, jobId, training } = await begun(0);
    await using _ = world;
    await training.finish();
    await world.platformNode();
    for (let times = 0; times < 10; times++) await decline(await world.next(jobId));
    await world.market.schedule();
    expect(await world.holder(jobId)).toBeUndefined();
    expect(await world.state(jobId)).toBe("VERIFYING");
    await world.pass(2 * WAIT_MS);
    await world.market.schedule();
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "unverified" } });
  });

  it("and never accepts loses the offer with its lease, though it lists it as running and beats", async () => {
    const { world, jobId, training } = await begun(0);
    await using _ = world;
    await training.finish();
    const idle = await world.hire("idle");
    const { task } = await world.next(jobId);
    await world.dismiss(idle);
    await world.reconnect(idle, [task]);
    await beatOn(world, idle, task, LEASE);
    expect(await world.holder(jobId)).toBeUndefined();
    const honest = await world.hire("honest");
    expect((await world.verify(jobId)).node).toBe(honest.node);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED" });
  });
});

describe("a node that never accepts a job", () => {
  it("loses the offer with its lease, though it lists it as running and beats", async () => {
    await using world = await ScriptedMarket.create();
    const idle = await world.hire("idle");
    const { jobId } = await world.submit();
    const { task } = await world.next(jobId);
    await world.dismiss(idle);
    await world.reconnect(idle, [task]);
    await beatOn(world, idle, task, LEASE);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED" });
    const ended = await world.market.context.db.selectFrom("assignments").select("failure").execute();
    expect(ended).toMatchObject([{ failure: { code: "central/lease-expired" } }]);
    const busy = await world.hire("busy");
    expect((await world.train(jobId)).node).toBe(busy.node);
  });

  it("keeps it as long as it beats, once it has accepted", async () => {
    await using world = await ScriptedMarket.create();
    const slow = await world.hire("slow");
    const { jobId } = await world.submit();
    const { task } = await world.next(jobId);
    await slow.node.node.accept(task);
    await beatOn(world, slow, task, 2 * LEASE);
    expect((await world.holder(jobId))?.node).toBe(slow.node);
  });
});

describe("[VER11] a contested check", () => {
  it("costs nobody any standing and pays nobody: the steps are done again elsewhere, and verified there", async () => {
    const { world, jobId, quoted, trainer, training } = await begun(0, { others: ["slanderer"] });
    await using _ = world;
    await training.finish();
    await world.hire("the trainer's spare", { owner: trainer.owner });
    const slanderer = await world.next(jobId);
    await slanderer.node.rerun(slanderer.task, { says: MADE_UP });
    await world.dismiss(slanderer);
    await world.pass(2 * WAIT_MS - 1_000, world.hired);
    await world.market.schedule();
    expect(await world.state(jobId)).toBe("VERIFYING");
    await world.pass(1_000, world.hired);
    await world.market.schedule();
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 0, checkpoints: [], has_receipt: false });
    const { db } = world.market.context;
    expect(await db.selectFrom("reputation_receipts").select("cause").execute()).toEqual([]);
    expect(await db.selectFrom("penalties").select("id").execute()).toEqual([]);

    await world.hire("the trainer's next machine", { owner: trainer.owner });
    await world.market.schedule();
    expect(await world.holder(jobId)).toBeUndefined();
    const other = await world.hire("other");
    expect((await world.train(jobId)).node).toBe(other.node);
    await world.hire("honest");
    await world.verify(jobId);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    for (const { owner } of [trainer, slanderer]) expect(await world.market.balance(owner)).toBe(0n);
    expect(await world.market.balance(other.owner)).toBe(quoted - quoted / 10n);
    await world.receipt(jobId);
  });

  it("of a cancelled job ends it without pay and without a receipt", async () => {
    const { world, jobId, trainer } = await begun(40, { others: ["slanderer"] });
    await using _ = world;
    await world.post(`/api/jobs/${jobId}/cancel`, {});
    const { node, task } = await world.next(jobId);
    await node.rerun(task, { says: MADE_UP });
    await world.pass(2 * WAIT_MS);
    await world.market.schedule();
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "CANCELLED",
      verification: { verdict: "unverified" },
      payment: { owner: "0", platform: "0" },
      has_receipt: false,
    });
    expect(await world.market.balance(world.user)).toBe(ALL);
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(7_500);
  });
});

describe("a node that drains", () => {
  it("after progress is neither banned nor blamed: it may have the job again and end it", async () => {
    const { world, jobId, quoted, trainer, training } = await begun(42, { others: ["verifier"] });
    await using _ = world;
    expect(await training.fail({ ...DRAINING, step: 42 })).toMatchObject({ accepted: true });
    const verifier = await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 42 });
    expect(await attemptsOf(world)).toEqual({ attempts: 0, banned: [] });
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(7_500);
    await world.dismiss(verifier);
    const { node, task } = await world.next(jobId);
    expect(node).toBe(trainer.node);
    expect(task.resume).toMatchObject({ step: 42n });
    expect(await node.train(task)).toMatchObject({ accepted: true });
    await world.reconnect(verifier);
    await world.verify(jobId);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    expect(await world.market.balance(trainer.owner)).toBe(quoted - quoted / 10n);
    await world.receipt(jobId);
  });

  it("after less than an interval has made no progress", async () => {
    const { world, trainer, training } = await begun(3);
    await using _ = world;
    await training.fail({ ...DRAINING, step: 3 });
    expect(await attemptsOf(world)).toEqual({ attempts: 1, banned: [] });
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(7_500);
  });

  it("without progress uses a try of the job up, and cannot use them all up by itself", async () => {
    const { world, jobId, trainer, training } = await begun(0);
    await using _ = world;
    await training.fail({ ...DRAINING, step: 0 });
    expect(await attemptsOf(world)).toEqual({ attempts: 1, banned: [] });
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(7_500);
    const { node, task } = await world.next(jobId);
    expect(node).toBe(trainer.node);
    await (await node.begin(task)).fail({ ...DRAINING, step: 0 });
    await world.market.schedule();
    expect(await world.holder(jobId)).toBeUndefined();
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED" });
    const other = await world.hire("other");
    expect((await world.train(jobId)).node).toBe(other.node);
  });
});

describe("a failure that a node blames on the server", () => {
  const LOST = { blame: Blame.SERVER, code: "node/object-lost", step: 0 };

  it("ends its part in the job: it cannot report four of them", async () => {
    const { world, jobId, trainer, training } = await begun(0);
    await using _ = world;
    await training.fail(LOST);
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED" });
    await world.market.schedule();
    expect(await world.holder(jobId)).toBeUndefined();
    expect(await attemptsOf(world)).toEqual({ attempts: 1, banned: [trainer.node.machine.nodeId] });
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(7_500);
    const other = await world.hire("other");
    expect((await world.train(jobId)).node).toBe(other.node);
  });

  it("[JS4] by four nodes ends the job; everything is refunded", async () => {
    const { world, jobId, training } = await begun(0, { others: ["beta", "gamma", "delta"] });
    await using _ = world;
    await training.fail(LOST);
    for (let others = 0; others < 3; others++) {
      expect(await world.state(jobId)).toBe("ESCROWED");
      const { node, task } = await world.next(jobId);
      await (await node.begin(task)).fail(LOST);
    }
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({
      state: "FAILED",
      failure: { blame: "server" },
      payment: { owner: "0", platform: "0" },
    });
    expect(await world.market.balance(world.user)).toBe(ALL);
  });
});

describe("a poisoned last checkpoint", () => {
  it("that makes everybody fail is looked at first and refused, whatever the draw would have been", async () => {
    const { world, jobId, trainer, training } = await begun(60, {
      lie: { randomAfter: 55 },
      others: ["alpha", "beta", "gamma"],
      secureRandom: () => 0.01,
    });
    await using _ = world;
    const flaw = { step: 63, code: "backend/loss-not-finite" };
    await training.fail({ blame: Blame.JOB, ...flaw });
    await world.verify(jobId, flaw);
    expect(await world.job(jobId)).toMatchObject({ verification: { interval: { from: 55, to: 60 } } });
    await world.verify(jobId);
    await world.verify(jobId);
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    expect(await world.market.balance(trainer.owner)).toBe(0n);
    expect(await world.reputation(trainer.node.machine.nodeId)).toBeLessThan(7_500);
    await world.train(jobId);
    await world.verifyAll(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });

  it.each(["backend/safetensors-malformed", "backend/checkpoint-mismatch"])(
    "that cannot be read (%s) is never the job's fault, from whatever step it is said to be",
    async (code) => {
      for (const [committed, step] of [
        [0, 0],
        [20, 0],
        [20, 33],
      ] as const) {
        const { world, jobId, trainer, training } = await begun(committed, { others: ["alpha"] });
        await using _ = world;
        await training.fail({ blame: Blame.JOB, code, step });
        if (committed > 0) {
          expect(await world.job(jobId)).toMatchObject({ verification: { interval: { from: 15, to: 20 } } });
          await world.verify(jobId);
        }
        expect(await world.job(jobId)).toMatchObject({ state: "ESCROWED", step: committed });
        expect((await attemptsOf(world)).banned).toContain(trainer.node.machine.nodeId);
      }
    },
  );
});

describe("verifications that wait for a class that nobody has", () => {
  it("do not keep a fresh one from being placed within a few passes, however many they are", async () => {
    const { world, jobId, training } = await begun(0);
    await using _ = world;
    await training.finish();
    await stuck(world, jobId, 240);
    await world.hire("verifier");
    for (let pass = 0; pass < 40 && !(await world.holder(jobId)); pass++) await world.market.schedule();
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });

  it("and one whose row is broken does not stop the pass", async () => {
    const { world, jobId, training } = await begun(0);
    await using _ = world;
    await training.finish();
    await stuck(world, jobId, 5);
    const { db } = world.market.context;
    await sql`update verifications set chain = 'null', hardware_class = 'test-cpu' where job_id <> ${jobId}`.execute(
      db,
    );
    for (const name of ["alpha", "beta"]) await world.hire(name);
    await world.market.schedule();
    expect((await world.holder(jobId))?.node).toBeDefined();
    expect(world.market.logger.lines).toContainEqual(
      expect.objectContaining({ message: "a re-run could not be placed" }),
    );
  });
});

describe("a change that is applied", () => {
  it("after the attempt ended meanwhile is refused", async () => {
    const { world, jobId, trainer, task, training } = await begun(25);
    await using _ = world;
    await world.post(`/api/jobs/${jobId}/changes`, { learning_rate: 0.5 });
    const { change } = (await trainer.node.node.receive("change")) as {
      readonly change: Parameters<ScriptedTraining["apply"]>[0];
    };
    const { db, clock } = world.market.context;
    // As another server would end it: this one still knows the attempt as live.
    await db
      .updateTable("assignments")
      .set({ state: "LOST", ended_at: new Date(clock.now()) })
      .where("id", "=", task.assignmentId)
      .execute();
    expect(await training.apply(change)).toMatchObject({ accepted: false, code: "central/assignment-over" });
    expect(await db.selectFrom("job_changes").select("applied_step").execute()).toEqual([{ applied_step: null }]);
  });
});

/** Copies a job's open verification so many times, for jobs of their own, with a class that no node has. */
async function stuck(world: ScriptedMarket, jobId: string, count: number): Promise<void> {
  const { db } = world.market.context;
  await db.transaction().execute(async (transaction) => {
    for (let copy = 0; copy < count; copy++) {
      const [quote, job] = [crypto.randomUUID(), crypto.randomUUID()];
      const set = async (table: string, of: string, where: string, change: object): Promise<unknown> =>
        sql`insert into ${sql.table(table)} select (jsonb_populate_record(t, ${JSON.stringify(change)}::jsonb)).*
          from ${sql.table(table)} t where ${sql.ref(where)} = ${of}`.execute(transaction);
      const { quote_id } = await transaction
        .selectFrom("jobs")
        .select("quote_id")
        .where("id", "=", jobId)
        .executeTakeFirstOrThrow();
      await set("quotes", quote_id, "t.id", { id: quote });
      await set("jobs", jobId, "t.id", { id: job, quote_id: quote });
      // Half of them waited longer, half came later.
      const drawn_at = new Date(world.market.clock.now() + (copy % 2 === 0 ? -1_000 : 1_000));
      const drawn = { id: crypto.randomUUID(), job_id: job, hardware_class: "nobody's", drawn_at };
      await set("verifications", jobId, "t.job_id", drawn);
    }
  });
}
