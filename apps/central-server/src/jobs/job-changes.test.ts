import { describe, expect, it } from "vitest";
import { changeText, type ReceiptKey } from "@cyxwiz/receipt";
import { sequential, writeCyxwiz } from "@cyxwiz/graph";
import { defined } from "@cyxwiz/primitives";
import { idOf } from "../assignments/node.fixture.ts";
import { verifySignature } from "../receipts/verify-signature.fixture.ts";
import { ScriptedMarket } from "../verification/scripted-market.fixture.ts";
import type { ScriptedNode, ScriptedTask, ScriptedTraining } from "../verification/scripted-training.fixture.ts";
import { MAX_CHANGES } from "./limits.ts";

type Change = Parameters<ScriptedTraining["apply"]>[0];

interface Running {
  readonly world: ScriptedMarket;
  readonly jobId: string;
  readonly quoted: bigint;
  readonly node: ScriptedNode;
  readonly task: ScriptedTask;
  readonly training: ScriptedTraining;
}

/** A job that runs, with 25 steps committed. */
async function running(): Promise<Running> {
  const world = await ScriptedMarket.create();
  await world.hire("trainer");
  const { jobId, quoted } = await world.submit();
  const { node, task } = await world.next(jobId);
  const training = await node.begin(task);
  await training.commitTo(25);
  return { world, jobId, quoted, node, task, training };
}

async function ask(world: ScriptedMarket, jobId: string, change: object, token?: string): Promise<string> {
  const answer = await world.post(`/api/jobs/${jobId}/changes`, change, token ?? world.user.token);
  const { details } = answer.body as { readonly details?: { readonly reason: string } };
  return answer.status === 200 ? "taken" : (details?.reason ?? answer.text);
}

async function told(node: ScriptedNode): Promise<Change> {
  return ((await node.node.receive("change")) as { readonly change: Change }).change;
}

describe("a change by the user", () => {
  it("[CHN3] is countersigned by the market and handed to the node that trains", async () => {
    const { world, jobId, node, task } = await running();
    await using _ = world;
    expect(await ask(world, jobId, { learning_rate: 0.01, batch_size: 5 })).toBe("taken");
    const message = (await node.node.receive("change")) as { readonly change: Change };
    expect(message).toMatchObject({ ...idOf(task), change: { learningRate: 0.01, batchSize: 5, stop: false } });
    const { changeId, signature } = message.change;
    const published = (await world.get("/api/receipts/keys")).body as unknown as {
      readonly keys: readonly ReceiptKey[];
    };
    const text = changeText(jobId, { change_id: changeId, learning_rate: 0.01, batch_size: 5, stop: false });
    expect(verifySignature(published.keys[0]?.public_key ?? "", text, signature)).toBe(true);
    expect(verifySignature(published.keys[0]?.public_key ?? "", `${text} `, signature)).toBe(false);
    expect((await world.job(jobId)).changes).toMatchObject([{ change_id: changeId, applied_step: null }]);
  });

  it("[CHN8] stands in chain and receipt at the step at which it took effect, and re-runs apply it", async () => {
    const { world, jobId, node, training } = await running();
    await using _ = world;
    await ask(world, jobId, { learning_rate: 0.01 });
    await ask(world, jobId, { learning_rate: 0.02 });
    await ask(world, jobId, { batch_size: 2 });
    const changes = [await told(node), await told(node), await told(node)];
    for (const [index, step] of [25, 25, 33].entries()) {
      if (step === 33) await training.commitTo(30);
      expect(await training.apply(changes[index] as Change, step)).toMatchObject({ accepted: true });
    }
    expect(await training.finish()).toMatchObject({ accepted: true });
    await world.hire("verifier");
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({
      state: "COMPLETED",
      verification: { verdict: "verified" },
      changes: [{ applied_step: 25 }, { applied_step: 25 }, { applied_step: 33 }],
    });
    const { chain } = await world.receipt(jobId);
    expect(chain.flatMap((entry) => (entry.kind === "change" ? [entry.change_id] : []))).toEqual(
      changes.map(({ changeId }) => changeId),
    );
  });

  it("waits while no node has the job, and comes with the assignment", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("trainer");
    const { jobId } = await world.submit();
    expect(await ask(world, jobId, { learning_rate: 0.5 })).toBe("taken");
    const { node, task } = await world.next(jobId);
    expect(task.changes).toMatchObject([{ learningRate: 0.5, stop: false }]);
    expect(task.changes[0]?.step).toBeUndefined();
    const training = await node.begin(task);
    expect(await training.apply(task.changes[0] as Change, 0)).toMatchObject({ accepted: true });
    expect(await training.finish()).toMatchObject({ accepted: true });
  });

  it("waits again when the node is lost before its next checkpoint, and is applied by the next one", async () => {
    const { world, jobId, node, training } = await running();
    await using _ = world;
    await ask(world, jobId, { learning_rate: 0.01 });
    await training.apply(await told(node), 27);
    expect((await world.job(jobId)).changes).toMatchObject([{ applied_step: 27 }]);
    await world.dismiss(...world.hired);
    await world.pass(30_001);
    expect((await world.job(jobId)).changes).toMatchObject([{ applied_step: null }]);
    await world.hire("alpha");
    await world.hire("beta");
    await world.verify(jobId);
    const next = await world.next(jobId);
    expect(next.task.changes[0]?.step).toBeUndefined();
    const second = await next.node.begin(next.task);
    await second.apply(next.task.changes[0] as Change, 25);
    expect(await second.finish()).toMatchObject({ accepted: true });
    await world.hire("gamma");
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" } });
    await world.receipt(jobId);
  });

  it("that was committed stays where it is for the node that goes on", async () => {
    const { world, jobId, node, training } = await running();
    await using _ = world;
    await ask(world, jobId, { learning_rate: 0.01 });
    await training.apply(await told(node), 27);
    await training.commitTo(30);
    await world.dismiss(...world.hired);
    await world.pass(30_001);
    await world.hire("alpha");
    await world.hire("beta");
    await world.verify(jobId);
    const next = await world.next(jobId);
    expect(next.task.changes).toMatchObject([{ step: 27n, learningRate: 0.01 }]);
    expect(await next.node.train(next.task)).toMatchObject({ accepted: true });
    await world.hire("gamma");
    await world.verify(jobId);
    await world.receipt(jobId);
  });

  it("is told again to a node that was away, and waits again for one that comes back without the work", async () => {
    const { world, jobId, task, training } = await running();
    await using _ = world;
    const trainer = defined(world.hired[0], "the trainer");
    await world.dismiss(trainer);
    await ask(world, jobId, { learning_rate: 0.01 });
    await world.reconnect(trainer, [task]);
    await training.apply(await told(trainer.node), 26);
    expect((await world.job(jobId)).changes).toMatchObject([{ applied_step: 26 }]);
    await world.dismiss(trainer);
    await world.reconnect(trainer);
    const again = await trainer.node.task();
    expect(again.changes[0]?.step).toBeUndefined();
    expect((await world.job(jobId)).changes).toMatchObject([{ applied_step: null }]);
  });

  it("is refused by name: another's job, one that ended or is checked, a batch that does not divide, too many", async () => {
    const { world, jobId, training } = await running();
    await using _ = world;
    const stranger = await world.market.user();
    expect(await ask(world, jobId, { stop: true }, stranger.token)).toBe("central/job-not-found");
    for (const batch_size of [3, 20]) {
      expect(await ask(world, jobId, { batch_size })).toBe("central/batch-size-not-a-divisor");
    }
    for (let asked = 0; asked < MAX_CHANGES; asked++) expect(await ask(world, jobId, { batch_size: 5 })).toBe("taken");
    expect(await ask(world, jobId, { batch_size: 5 })).toBe("central/changes-exceeded");
    await training.finish();
    expect(await ask(world, jobId, { batch_size: 5 })).toBe("central/job-in-verification");
    await world.hire("alpha");
    await world.verify(jobId);
    expect(await ask(world, jobId, { batch_size: 5 })).toBe("central/job-already-ended");
  });

  it("to a batch that the graph cannot be trained with is refused at once, and not a failure of the node later", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("trainer");
    const layers = sequential("normalised", [
      ["Dense", { units: 8 }],
      ["BatchNorm"],
      ["Dense", { units: 3 }],
      ["Output", { classes: 3 }],
      ["CrossEntropyLoss"],
      ["Adam"],
    ]);
    const { jobId } = await world.submit({ graph: writeCyxwiz(layers) });
    expect(await ask(world, jobId, { batch_size: 1 })).toBe("graph/batch-size-too-small");
    expect(await ask(world, jobId, { batch_size: 2 })).toBe("taken");
  });

  it("is applied as it was asked for: once, in its job, where its node is", async () => {
    const { world, jobId, node, task, training } = await running();
    await using _ = world;
    await ask(world, jobId, { learning_rate: 0.01 });
    const change = await told(node);
    const apply = async (changeId: string, step: bigint): Promise<unknown> =>
      node.node.report("changeApplied", { ...idOf(task), changeId, step });
    expect(await apply("not an id", 25n)).toMatchObject({ code: "central/change-not-found" });
    expect(await apply(task.assignmentId, 25n)).toMatchObject({ code: "central/change-not-found" });
    expect(await apply(change.changeId, 24n)).toMatchObject({ code: "central/step-out-of-range" });
    expect(await apply(change.changeId, 101n)).toMatchObject({ code: "central/step-out-of-range" });
    expect(await training.apply(change, 26)).toMatchObject({ accepted: true });
    expect(await apply(change.changeId, 26n)).toMatchObject({ accepted: true });
    expect(await apply(change.changeId, 27n)).toMatchObject({ code: "central/change-already-applied" });
  });
});

describe("a stop by the user", () => {
  it("[CHN10] [PAY1] ends the job early with its model: committed steps are checked and paid, the rest goes back", async () => {
    const { world, jobId, quoted, node, training } = await running();
    await using _ = world;
    await ask(world, jobId, { stop: true });
    await training.commitTo(40);
    await training.commit(42);
    expect(await training.apply(await told(node))).toMatchObject({ accepted: true });
    expect(await training.result()).toMatchObject({ accepted: true });
    await world.hire("alpha");
    await world.verify(jobId);
    await world.market.settle();
    const job = await world.job(jobId);
    expect(job).toMatchObject({ state: "COMPLETED", verification: { verdict: "verified" }, step: 42 });
    expect(await world.market.balance(world.user)).toBe(1_000_000_000_000n - (quoted * 42n) / 100n);
    const receipt = await world.receipt(jobId);
    expect(receipt.chain.slice(-3)).toMatchObject([
      { kind: "checkpoint", step: 42 },
      { kind: "change", step: 42, stop: true },
      { kind: "result", step: 42 },
    ]);
  });

  it("before the first step is a cancel", async () => {
    await using world = await ScriptedMarket.create();
    await world.hire("trainer");
    const { jobId } = await world.submit();
    await ask(world, jobId, { stop: true });
    const { node, task } = await world.next(jobId);
    const training = await node.begin(task);
    await training.apply(task.changes[0] as Change, 0);
    expect(await training.result()).toMatchObject({ accepted: true });
    await world.market.settle();
    expect(await world.job(jobId)).toMatchObject({ state: "CANCELLED", step: 0 });
    expect(await world.market.balance(world.user)).toBe(1_000_000_000_000n);
  });

  it("can be applied by the next node at once, which then makes the model of another's checkpoint", async () => {
    const { world, jobId } = await running();
    await using _ = world;
    await world.dismiss(...world.hired);
    await world.pass(30_001);
    await ask(world, jobId, { stop: true });
    await world.hire("alpha");
    await world.hire("beta");
    await world.verify(jobId);
    await ask(world, jobId, { stop: true });
    const { node, task } = await world.next(jobId);
    const training = await node.begin(task);
    expect(await training.apply(task.changes[0] as Change)).toMatchObject({ accepted: true });
    expect(await training.result()).toMatchObject({ accepted: true });
    await world.hire("gamma");
    await world.verify(jobId);
    expect(await world.job(jobId)).toMatchObject({ state: "COMPLETED", step: 25 });
    await world.receipt(jobId);
  });

  it("is the last change, and no step counts after it", async () => {
    const { world, jobId, node, task, training } = await running();
    await using _ = world;
    await ask(world, jobId, { stop: true });
    await ask(world, jobId, { learning_rate: 0.1 });
    const [stop, other] = [await told(node), await told(node)];
    await training.apply(stop, 28);
    const late = { ...idOf(task), changeId: other.changeId, step: 28n };
    expect(await node.node.report("changeApplied", late)).toMatchObject({ code: "central/step-out-of-range" });
    expect(await training.commit(30)).toMatchObject({ code: "central/step-out-of-range" });
    expect(await training.result({ step: 100n })).toMatchObject({ code: "central/step-out-of-range" });
  });
});
