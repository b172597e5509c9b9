import { describe, expect, it } from "vitest";
import { idOf } from "../assignments/node.fixture.ts";
import { ScriptedMarket, WAIT_MS, type Hired, type HireOptions, type SubmittedJob } from "./scripted-market.fixture.ts";
import { hashOf, type Lie } from "./scripted-training.fixture.ts";

/** From so many successes that counted on a node's word decides, in these tests. */
const ESTABLISHED = 5;
const MADE_UP = { endSha256: hashOf("made up") };

interface Committed {
  readonly world: ScriptedMarket;
  readonly job: SubmittedJob;
  readonly trainer: Hired;
}

/** A job that waits for its check, in a market where only some words decide. */
async function committed(trainer: HireOptions & { readonly lie?: Lie } = {}): Promise<Committed> {
  const { lie, ...options } = trainer;
  const world = await ScriptedMarket.create({
    verification: { establishedSuccesses: ESTABLISHED },
    secureRandom: () => 0.99,
  });
  const hired = await world.hire("trainer", options);
  const job = await world.submit();
  await world.train(job.jobId, lie);
  return { world, job, trainer: hired };
}

async function penaltiesOf(world: ScriptedMarket): Promise<number> {
  return (await world.market.context.db.selectFrom("penalties").select("id").execute()).length;
}

async function outcomesOf(world: ScriptedMarket, jobId: string): Promise<readonly (string | null)[]> {
  return (await world.job(jobId)).verification.reruns.map(({ outcome }) => outcome);
}

describe("[VER5] whose word decides", () => {
  it("fresh nodes' words decide nothing, the platform's does", async () => {
    const { world, job } = await committed();
    await using _ = world;
    for (const name of ["fresh", "newer"]) {
      await world.hire(name);
      await world.verify(job.jobId);
      expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING", verification: { verdict: "pending" } });
    }
    const platform = await world.platformNode();
    expect((await world.verify(job.jobId)).node).toBe(platform.node);
    await world.market.settle();
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    await world.receipt(job.jobId);
  });

  it("a node decides from its fifth success that counted on, and is asked before those that do not", async () => {
    const { world, job } = await committed();
    await using _ = world;
    for (const name of ["fresh", "newer"]) await world.hire(name, { successes: ESTABLISHED - 1 });
    const established = await world.hire("established", { successes: ESTABLISHED });
    expect((await world.verify(job.jobId)).node).toBe(established.node);
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });

  it("fresh nodes among themselves come to `plausible` at best, after the wait for one whose word counts", async () => {
    const { world, job } = await committed();
    await using _ = world;
    for (const name of ["fresh", "newer"]) {
      await world.hire(name);
      await world.verify(job.jobId);
    }
    await world.pass(2 * WAIT_MS - 1_000, world.hired);
    await world.market.schedule();
    expect(await world.state(job.jobId)).toBe("VERIFYING");
    await world.pass(1_000, world.hired);
    await world.market.schedule();
    await world.market.settle();
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "plausible" } });
    await world.receipt(job.jobId);
  });
});

describe("[VER10] the answers that are heard", () => {
  it("are never all of fresh nodes: however many come first, the platform is still asked and heard", async () => {
    const { world, job } = await committed();
    await using _ = world;
    for (let index = 0; index < 6; index++) await world.hire(`fresh ${index}`);
    for (let index = 0; index < 3; index++) await world.verify(job.jobId);
    await world.market.schedule();
    expect(await world.holder(job.jobId)).toBeUndefined();
    const platform = await world.platformNode();
    expect((await world.verify(job.jobId)).node).toBe(platform.node);
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });

  it("always decide: as many slanderers as may speak do not keep two trusted nodes from verifying honest work", async () => {
    const { world, job } = await committed();
    await using _ = world;
    for (let index = 0; index < 3; index++) {
      await world.hire(`slanderer ${index}`);
      const { node, task } = await world.next(job.jobId);
      await world.tick();
      await node.rerun(task, { says: { endSha256: hashOf(`made up ${index}`) } });
    }
    await world.platformNode();
    await world.verify(job.jobId);
    await world.hire("established", { successes: ESTABLISHED });
    await world.verify(job.jobId);
    await world.market.settle();
    expect(await outcomesOf(world, job.jobId)).toHaveLength(5);
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });
});

describe("a ring with a class of hardware of its own", () => {
  const RING = { hardwareClass: "unicorn" } as const;

  /** The liar's friends say what the liar says. */
  const agree = async (world: ScriptedMarket, { jobId }: SubmittedJob, expected: Hired): Promise<void> => {
    const { node, task } = await world.next(jobId);
    expect(node).toBe(expected.node);
    const claimed = (await world.job(jobId)).checkpoints.find(({ step }) => step === Number(task.rerun?.toStep));
    const { files } = await world.job(jobId);
    const says = {
      endSha256: claimed?.sha256,
      onnxSha256: files.onnx?.sha256 ?? "",
      weightsSha256: files.weights?.sha256 ?? "",
    };
    await world.tick();
    expect(await node.rerun(task, { says })).toMatchObject({ accepted: true });
  };

  it("does not get its garbage verified: its friends' words decide nothing", async () => {
    const { world, job } = await committed({ ...RING, lie: { randomAfter: 0 } });
    await using _ = world;
    for (const name of ["friend", "other friend"]) await agree(world, job, await world.hire(name, RING));
    expect(await outcomesOf(world, job.jobId)).toEqual(["agrees", "agrees"]);
    expect(await world.state(job.jobId)).toBe("VERIFYING");
    await world.pass(2 * WAIT_MS);
    await world.market.schedule();
    expect((await world.job(job.jobId)).verification.verdict).not.toBe("verified");
  });

  it("is refused once two honest nodes of another class, one of them trusted, find it implausible; without a penalty", async () => {
    const { world, job, trainer } = await committed({ ...RING, lie: { randomAfter: 0 } });
    await using _ = world;
    const friends = [await world.hire("friend", RING), await world.hire("other friend", RING)];
    const platform = await world.platformNode();
    await world.market.schedule();
    expect(await world.holder(job.jobId), "a trusted node of the class is waited for").toBeUndefined();
    await world.pass(WAIT_MS, world.hired);
    const first = await world.next(job.jobId);
    expect(first.node).toBe(platform.node);
    await first.node.rerun(first.task);
    await world.dismiss(...friends.slice(1));
    await agree(world, job, friends[0] as Hired);
    expect(await world.state(job.jobId)).toBe("VERIFYING");
    await world.dismiss(friends[0] as Hired);
    const honest = await world.hire("honest");
    const last = await world.next(job.jobId);
    expect(last.node).toBe(honest.node);
    await world.tick();
    await last.node.rerun(last.task);
    expect(await outcomesOf(world, job.jobId)).toEqual(["implausible", "agrees", "implausible"]);
    expect(await world.job(job.jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(3_750);
    expect(await penaltiesOf(world)).toBe(0);
    await world.market.settle();
    for (const { owner } of [trainer, ...friends]) expect(await world.market.balance(owner)).toBe(0n);
  });
});

describe("two sybils of the victim's class", () => {
  /** An honest node's job that two fresh nodes contradict while nobody else is there. */
  const slandered = async (): Promise<Committed & { readonly sybils: readonly Hired[] }> => {
    const begun = await committed();
    const { world, job } = begun;
    const sybils: Hired[] = [];
    for (const name of ["sybil", "other sybil"]) {
      sybils.push(await world.hire(name));
      const { node, task } = await world.next(job.jobId);
      await world.tick();
      await node.rerun(task, { says: MADE_UP });
    }
    return { ...begun, sybils };
  };

  it("are not even asked when a trusted node is there", async () => {
    const { world, job } = await committed();
    await using _ = world;
    for (const name of ["sybil", "other sybil"]) await world.hire(name);
    const platform = await world.platformNode();
    expect((await world.verify(job.jobId)).node).toBe(platform.node);
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });

  it("do not refuse honest work alone, and a trusted word with an honest one beside it verifies it", async () => {
    const { world, job, trainer, sybils } = await slandered();
    await using _ = world;
    expect(await world.job(job.jobId)).toMatchObject({ state: "VERIFYING", verification: { verdict: "pending" } });
    await world.platformNode();
    await world.verify(job.jobId);
    expect(await world.state(job.jobId)).toBe("VERIFYING");
    await world.hire("honest");
    await world.verify(job.jobId);
    await world.market.settle();
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    expect(await penaltiesOf(world)).toBe(0);
    for (const { owner, node } of sybils) {
      expect(await world.market.balance(owner)).toBe(0n);
      expect(await world.reputation(node.machine.nodeId)).toBeLessThan(7_500);
    }
    expect(await world.market.balance(trainer.owner)).toBe(job.quoted - job.quoted / 10n);
    await world.receipt(job.jobId);
  });

  it("[VER11] bring neither a refusal nor a penalty when nobody else comes: the steps are done again elsewhere", async () => {
    const { world, job, trainer } = await slandered();
    await using _ = world;
    await world.pass(2 * WAIT_MS);
    await world.market.schedule();
    expect(await world.job(job.jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    expect(await penaltiesOf(world)).toBe(0);
    expect(await world.reputation(trainer.node.machine.nodeId)).toBe(7_500);
  });
});

describe("the threads that the steps were done with", () => {
  it("[VER1] stand in the chain's segment, and a unit with fewer is not asked for bits", async () => {
    const { world, job } = await committed({ cores: 4 });
    await using _ = world;
    const small = await world.hire("small", { cores: 2, successes: ESTABLISHED });
    await world.market.schedule();
    expect(await world.holder(job.jobId)).toBeUndefined();
    await world.pass(WAIT_MS, world.hired);
    const { node, task } = await world.next(job.jobId);
    expect(node).toBe(small.node);
    expect(task).toMatchObject({ build: "", threads: 2, rerun: { claim: { step: task.rerun?.toStep } } });
    await node.rerun(task);
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "plausible" } });
    const { chain } = await world.receipt(job.jobId);
    expect(chain).toContainEqual(expect.objectContaining({ kind: "segment", threads: 4 }));
  });

  it("are those of the re-run, also on a unit that has more", async () => {
    const { world, job } = await committed({ cores: 4 });
    await using _ = world;
    await world.hire("large", { cores: 16, successes: ESTABLISHED });
    const { node, task } = await world.next(job.jobId);
    expect(task).toMatchObject({ build: "test-1", threads: 4 });
    expect(task.rerun?.claim).toBeUndefined();
    await node.rerun(task);
    expect(await world.job(job.jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });
});

describe("across classes", () => {
  it("[VER4] the last checkpoint is given as the model's, also where it ends the interval; a false model is implausible", async () => {
    const { world, job } = await committed({ hardwareClass: "other-cpu" });
    await using _ = world;
    const fake = hashOf("a false model");
    for (const [index, says] of [{ onnxSha256: fake }, { weightsSha256: fake }].entries()) {
      await world.hire(`judge ${index}`, { successes: ESTABLISHED });
      await world.pass(index === 0 ? WAIT_MS : 0, world.hired);
      const { node, task } = await world.next(job.jobId);
      expect(task.rerun).toMatchObject({ toStep: 100n, withModel: true, model: { step: 100n }, claim: { step: 100n } });
      await world.tick();
      // What an honest node says where the delivered file is not made of the checkpoint.
      await node.rerun(task, { says });
    }
    expect(await world.job(job.jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
    expect(await penaltiesOf(world)).toBe(0);
  });

  it("[VER4] a liar's model, made of other weights than its own last checkpoint, is refused though its states are right", async () => {
    const { world, job } = await committed({ hardwareClass: "other-cpu", lie: { otherModel: true } });
    await using _ = world;
    for (const name of ["alpha", "beta"]) await world.hire(name, { successes: ESTABLISHED });
    await world.pass(WAIT_MS, world.hired);
    await world.verify(job.jobId);
    await world.verify(job.jobId);
    expect(await outcomesOf(world, job.jobId)).toEqual(["implausible", "implausible"]);
    expect(await world.job(job.jobId)).toMatchObject({ state: "ESCROWED", step: 0 });
  });
});

describe("who may not check a job", () => {
  it("[VFY2] whoever was offered it, also when it declined: it may know a checkpoint's hash", async () => {
    await using world = await ScriptedMarket.create({ verification: { establishedSuccesses: ESTABLISHED } });
    const curious = await world.hire("curious", { successes: ESTABLISHED });
    const { jobId } = await world.submit();
    const { node, task } = await world.next(jobId);
    await node.node.report("declined", { ...idOf(task), code: "node/busy", message: "busy" });
    await world.hire("trainer");
    await world.train(jobId);
    await world.hire("the curious one's spare", { owner: curious.owner, successes: ESTABLISHED });
    await world.market.schedule();
    expect(await world.holder(jobId)).toBeUndefined();
    const stranger = await world.hire("stranger", { successes: ESTABLISHED });
    expect((await world.verify(jobId)).node).toBe(stranger.node);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
  });
});
