import { describe, expect, it } from "vitest";
import { PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { Blame } from "@cyxwiz/protocol";
import { idOf } from "../assignments/node.fixture.ts";
import { ScriptedMarket, WAIT_MS, type Hired } from "./scripted-market.fixture.ts";
import { hashOf, type Lie, type ScriptedTask, type ScriptedTraining } from "./scripted-training.fixture.ts";

type Change = ScriptedTask["changes"][number];

const ENDED: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const LIES: readonly Lie[] = [{ randomAfter: 0 }, { randomAfter: 60 }, { otherModel: true }, { otherInitial: true }];
const FLAW = { code: "backend/loss-not-finite", blame: Blame.JOB };
/** Turns after which a job must have ended: retries, re-runs and hand-overs are all bounded. */
const MAX_TURNS = 80;

/** Jobs whose nodes, verifiers and user do anything at random. */
class AnyCourse {
  readonly world: ScriptedMarket;
  readonly #random: PhiloxStream;
  #jobId = "";

  constructor(world: ScriptedMarket, seed: bigint) {
    this.world = world;
    this.#random = new PhiloxStream(seed, STREAM.simulation, 0);
  }

  async run(): Promise<string> {
    const { world } = this;
    this.#jobId = (await world.submit()).jobId;
    for (let turn = 0; !ENDED.has(await world.state(this.#jobId)); turn++) {
      expect(turn, `${this.#jobId} does not end`).toBeLessThan(MAX_TURNS);
      await this.#turn();
    }
    await world.market.settle();
    return this.#jobId;
  }

  async #turn(): Promise<void> {
    const { world } = this;
    await world.market.schedule();
    const holder = await world.holder(this.#jobId);
    if (!holder) {
      if (this.#one(8)) await this.#ask({ learning_rate: this.#random.nextUnit() + 0.001 });
      if (this.#one(12)) await this.#cancel(false);
      await world.pass(2 * WAIT_MS, world.hired);
      return;
    }
    const task = await holder.node.task();
    await world.tick(1_000);
    await (task.rerun ? this.#rerun(holder, task) : this.#train(holder, task));
  }

  async #rerun({ node }: Hired, task: ScriptedTask): Promise<void> {
    if (this.#one(10)) {
      await node.node.report("declined", { ...idOf(task), code: "node/busy", message: "busy" });
      return;
    }
    await node.rerun(task, this.#one(7) ? { says: { endSha256: hashOf("made up"), failureCode: "x/y" } } : {});
  }

  async #train(holder: Hired, task: ScriptedTask): Promise<void> {
    const lie = this.#one(5) ? LIES[this.#random.nextBelow(LIES.length)] : {};
    const training = await holder.node.begin(task, lie);
    const waiting = task.changes.filter(({ step }) => step === undefined);
    let step = Number(task.resume?.step ?? 0n);
    for (const change of waiting) if (await this.#apply(training, change, step)) return;
    while (step < 100) {
      step = Math.min(100, step + 5);
      const verdict = await training.commit(step);
      expect(verdict).toMatchObject({ accepted: true });
      const isOver = await this.#mishap({ holder, training, step });
      if (isOver) return;
    }
    await training.result();
  }

  /** What may come between two checkpoints. True: the attempt is over. */
  async #mishap(at: {
    readonly holder: Hired;
    readonly training: ScriptedTraining;
    readonly step: number;
  }): Promise<boolean> {
    const { world } = this;
    const { holder, training, step } = at;
    switch (this.#random.nextBelow(60)) {
      case 0:
        await world.dismiss(holder);
        await world.pass(30_001, world.hired);
        await world.reconnect(holder);
        return true;
      case 1:
        await training.fail({ blame: Blame.NODE, code: "node/broken", step });
        return true;
      case 2:
        await training.fail({ blame: Blame.SERVER, code: "node/object-lost", step });
        return true;
      case 3:
        await training.fail({ ...FLAW, step: Math.min(100, step + 2) });
        return true;
      case 4:
        await this.#cancel(false);
        return true;
      case 5:
        await this.#cancel(true);
        await holder.node.node.receive("cancel");
        if (step < 100) await training.commit(step + 1);
        await training.cancelled(this.#one(2));
        return true;
      case 6:
      case 7:
      case 8:
        await this.#ask({ batch_size: [1, 2, 5][this.#random.nextBelow(3)] });
        return this.#apply(training, await told(holder), step);
      case 9:
        await this.#ask({ stop: true });
        return this.#apply(training, await told(holder), step);
      default:
        return false;
    }
  }

  /** True: it was a stop, and the model is delivered. */
  async #apply(training: ScriptedTraining, change: Change, step: number): Promise<boolean> {
    if (step === 100) return false;
    expect(await training.apply(change, step)).toMatchObject({ accepted: true });
    if (change.stop) await training.result();
    return change.stop;
  }

  async #ask(change: object): Promise<void> {
    await this.world.post(`/api/jobs/${this.#jobId}/changes`, change);
  }

  async #cancel(keepModel: boolean): Promise<void> {
    await this.world.post(`/api/jobs/${this.#jobId}/cancel`, { keep_model: keepModel });
  }

  #one(of: number): boolean {
    return this.#random.nextBelow(of) === 0;
  }
}

async function told({ node }: Hired): Promise<Change> {
  return ((await node.node.receive("change")) as { readonly change: Change }).change;
}

describe("whatever course jobs take", () => {
  it.each([1n, 2n, 3n])("each ends, every receipt holds, and no token is lost (seed %i)", async (seed) => {
    await using world = await ScriptedMarket.create({ verification: { auditedShare: 0.2 } });
    for (let index = 0; index < 9; index++) await world.hire(`node ${index}`);
    for (let count = 0; count < 12; count++) {
      const course = new AnyCourse(world, seed * 1_000n + BigInt(count));
      const jobId = await course.run();
      const { verification, has_receipt, payment } = await world.job(jobId);
      expect(payment.escrow_state).toBe("SETTLED");
      if (has_receipt) {
        const receipt = await world.receipt(jobId);
        expect(receipt.verification.verdict).toBe(verification.verdict);
        expect(receipt.payment).toMatchObject({ platform: payment.platform, refunded: payment.refunded });
      } else {
        expect(payment).toMatchObject({ owner: "0", platform: "0" });
      }
    }
  });
});
