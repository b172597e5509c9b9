/**
 * Nodes that "train" without training, for tests: the state after a step is a hash of the state before it, so every honest
 * node of any class finds the same from the same start, and nobody finds it without doing the steps in between.
 *
 * What the real node does around its trainer is done here too: it uploads, keeps the chain with `@cyxwiz/receipt`, and
 * reports in the order in which things happened. Lies are options.
 */
import { createHash } from "node:crypto";
import { assert } from "@cyxwiz/primitives";
import { CHAIN_START, extendChain, type ChainEntry } from "@cyxwiz/receipt";
import type { TestMachine, TestMarket } from "../assignments/market.fixture.ts";
import { idOf, type Task, type TestNode, type Verdict } from "../assignments/node.fixture.ts";

/** What a node that trains lies about; honest where absent. */
export interface Lie {
  /** States after this step follow from nothing. */
  readonly randomAfter?: number;
  /** The model is not made of the last checkpoint. */
  readonly otherModel?: boolean;
  /** The chain leaves the checkpoint at this step out. */
  readonly unchained?: number;
  /** The first state is said to be another. */
  readonly otherInitial?: boolean;
}

/** What the job itself does to every honest node: it fails while computing this step. */
export interface Flaw {
  readonly step: number;
  readonly code: string;
}

interface Change {
  readonly changeId: string;
  readonly step?: bigint;
  readonly learningRate?: number;
  readonly batchSize?: number;
  readonly stop: boolean;
  readonly signature: string;
}

interface StoredObject {
  readonly step: bigint;
  readonly cid: string;
}

interface RerunTask {
  readonly fromStep: bigint;
  readonly toStep: bigint;
  readonly start?: StoredObject;
  readonly model?: StoredObject;
  readonly withModel: boolean;
  readonly claim?: StoredObject;
  readonly expectsFailure: boolean;
}

/** A task with what these nodes read of it. */
export type ScriptedTask = Task & {
  readonly seed: string;
  readonly graph: string;
  readonly build: string;
  readonly lowering: string;
  readonly dataset: { readonly cid: string };
  readonly settings: {
    readonly batchSize: number;
    readonly epochs: number;
    readonly checkpointEverySteps: number;
    readonly learningRate?: number;
  };
  readonly changes: readonly Change[];
  readonly chainHead?: string;
  readonly rerun?: RerunTask;
};

/** Which hardware and program a node says that it computes with. */
export interface ComputedWith {
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
}

export class ScriptedNode {
  readonly market: TestMarket;
  readonly machine: TestMachine;
  readonly hardwareClass: string;
  node: TestNode;

  constructor(market: TestMarket, node: TestNode, hardwareClass: string) {
    this.market = market;
    this.machine = node.machine;
    this.node = node;
    this.hardwareClass = hardwareClass;
  }

  async task(): Promise<ScriptedTask> {
    return (await this.node.task()) as ScriptedTask;
  }

  async download(cid: string): Promise<string> {
    const answer = await this.market.send("GET", `/api/objects/${cid}`, { token: this.machine.apiKey });
    assert(answer.status === 200, `the node cannot read ${cid}: ${answer.status}`);
    return answer.text;
  }

  async upload(text: string): Promise<{ cid: string; sha256: string; sizeBytes: bigint }> {
    const { cid, sizeBytes } = await this.market.upload(this.machine.apiKey, text);
    return { cid, sha256: hashOf(text), sizeBytes: BigInt(sizeBytes) };
  }

  computedWith({ lowering, build }: ScriptedTask): ComputedWith {
    return { lowering, build: build === "" ? "test-1" : build, hardwareClass: this.hardwareClass };
  }

  /** Takes a training task up; nothing is committed yet. */
  async begin(task: ScriptedTask, lie: Lie = {}): Promise<ScriptedTraining> {
    const start = task.resume ? await this.download(task.resume.cid) : initialState(task);
    await this.node.accept(task);
    await this.node.progress(task, task.resume?.step ?? 0n);
    return new ScriptedTraining(this, { task, start, lie });
  }

  /** Trains a task to its end. Gives the verdict on the result. */
  async train(task: ScriptedTask, lie: Lie = {}): Promise<Verdict> {
    return (await this.begin(task, lie)).finish();
  }

  /** What an honest re-run of the task finds. */
  async found(task: ScriptedTask, flaw?: Flaw): Promise<object> {
    const { rerun } = task;
    assert(rerun !== undefined, "the task is a re-run");
    const start = rerun.start ? await this.download(rerun.start.cid) : initialState(task);
    const from = Number(rerun.fromStep);
    const to = Number(rerun.toStep);
    const found = {
      ...idOf(task),
      ...NOTHING_FOUND,
      ...this.computedWith(task),
      initialSha256: hashOf(initialState(task)),
    };
    if (flaw && rerun.expectsFailure) return { ...found, failureCode: flaw.code, failureStep: BigInt(flaw.step) };
    const end = advance(start, { from, to, changes: task.changes });
    const last = rerun.model ? await this.download(rerun.model.cid) : end;
    const model = modelOf(last);
    const claim = rerun.claim && (await this.download(rerun.claim.cid));
    return {
      ...found,
      endSha256: hashOf(end),
      ...(rerun.withModel && { onnxSha256: hashOf(model.onnx), weightsSha256: hashOf(model.weights) }),
      ...(claim !== undefined && { distance: claim === end ? 0.003 : 1.4 }),
    };
  }

  /** Re-runs a task and reports what it found, or something else. */
  async rerun(task: ScriptedTask, options: { readonly flaw?: Flaw; readonly says?: object } = {}): Promise<Verdict> {
    await this.node.accept(task);
    return this.node.report("rerun", { ...(await this.found(task, options.flaw)), ...options.says });
  }
}

/** One attempt at a job, step by step. */
export class ScriptedTraining {
  readonly #node: ScriptedNode;
  readonly #task: ScriptedTask;
  readonly #lie: Lie;
  readonly #changes: Change[];
  #state: string;
  #step: number;
  #head: string | undefined;
  #segment: ChainEntry | undefined;

  constructor(
    node: ScriptedNode,
    { task, start, lie }: { readonly task: ScriptedTask; readonly start: string; readonly lie: Lie },
  ) {
    this.#node = node;
    this.#task = task;
    this.#lie = lie;
    this.#state = start;
    this.#step = Number(task.resume?.step ?? 0n);
    this.#changes = task.changes.filter(({ step }) => step !== undefined);
    this.#head = task.chainHead ?? extendChain(CHAIN_START(sha256), this.#runEntry(), sha256);
    const { lowering, build, hardwareClass } = node.computedWith(task);
    this.#segment = {
      kind: "segment",
      from_step: this.#step,
      node_id: node.machine.nodeId,
      lowering,
      build,
      hardware_class: hardwareClass,
      threads: Number(task["threads"]),
    };
  }

  get task(): ScriptedTask {
    return this.#task;
  }

  /** Computes the steps up to this one and commits them. `also` replaces fields of the report. */
  async commit(step: number, also: object = {}): Promise<Verdict> {
    const { randomAfter = Infinity, unchained } = this.#lie;
    this.#state = advance(this.#state, { from: this.#step, to: step, changes: this.#changes });
    if (step > randomAfter) this.#state = hashOf(`made up at ${step} of ${this.#task.assignmentId}`);
    this.#step = step;
    const stored = await this.#node.upload(this.#state);
    const report = { ...idOf(this.#task), step: BigInt(step), ...stored, initialSha256: this.#initial(), ...also };
    const verdict = await this.#node.node.report("checkpoint", report);
    const { cid, sha256: hash, sizeBytes } = stored;
    if (step !== unchained) {
      this.#enter({ kind: "checkpoint", step, cid, sha256: hash, size_bytes: Number(sizeBytes) });
    }
    return verdict;
  }

  /** Commits at every multiple of the rhythm after the last commit, up to and with `to`. */
  async commitTo(to: number): Promise<void> {
    const every = this.#task.settings.checkpointEverySteps;
    while (this.#step < to) {
      const verdict = await this.commit(Math.min(to, (Math.floor(this.#step / every) + 1) * every));
      assert(verdict.accepted, `a checkpoint was refused: ${verdict.code}`);
    }
  }

  /** Applies a change after the last committed step, or after a later one. */
  async apply(change: Change, step: number = this.#step): Promise<Verdict> {
    const verdict = await this.#node.node.report("changeApplied", {
      ...idOf(this.#task),
      changeId: change.changeId,
      step: BigInt(step),
    });
    this.#changes.push({ ...change, step: BigInt(step) });
    this.#enter({
      kind: "change",
      change_id: change.changeId,
      step,
      learning_rate: change.learningRate ?? null,
      batch_size: change.batchSize ?? null,
      stop: change.stop,
      signature: change.signature,
    });
    return verdict;
  }

  /** Commits what is left and reports the model. `also` replaces fields of the report. */
  async finish(also: object = {}): Promise<Verdict> {
    await this.commitTo(Number(this.#task.totalSteps));
    return this.result(also);
  }

  /** Reports the model of the last committed step. */
  async result(also: object = {}): Promise<Verdict> {
    const { onnx, weights } = modelOf(this.#lie.otherModel ? hashOf("made up") : this.#state);
    const [onnxFile, weightsFile] = [await this.#node.upload(onnx), await this.#node.upload(weights)];
    const hashes = { onnx_sha256: onnxFile.sha256, weights_sha256: weightsFile.sha256 };
    const chainRoot = extendChain(this.#head ?? "", { kind: "result", step: this.#step, ...hashes }, sha256);
    return this.#node.node.report("result", {
      ...idOf(this.#task),
      step: BigInt(this.#step),
      metrics: { loss: 0.1, accuracy: 0.9 },
      onnx: onnxFile,
      weights: weightsFile,
      seconds: 3,
      ...this.#node.computedWith(this.#task),
      chainRoot,
      initialSha256: this.#initial(),
      ...also,
    });
  }

  /** Stops as it was told to; hands over the model when it was asked for. */
  async cancelled(keepModel: boolean): Promise<Verdict> {
    const { onnx, weights } = modelOf(this.#state);
    const model = keepModel && { onnx: await this.#node.upload(onnx), weights: await this.#node.upload(weights) };
    return this.#node.node.report("cancelled", { ...idOf(this.#task), step: BigInt(this.#step), ...model });
  }

  async fail(failure: { readonly blame: number; readonly code: string; readonly step: number }): Promise<Verdict> {
    const { blame, code, step } = failure;
    const message = `${code} happened`;
    return this.#node.node.report("failed", { ...idOf(this.#task), blame, code, message, step: BigInt(step) });
  }

  #initial(): string {
    return this.#lie.otherInitial ? hashOf("made up") : hashOf(initialState(this.#task));
  }

  #enter(entry: ChainEntry): void {
    if (this.#segment) this.#head = extendChain(this.#head ?? "", this.#segment, sha256);
    this.#segment = undefined;
    this.#head = extendChain(this.#head ?? "", entry, sha256);
  }

  #runEntry(): ChainEntry {
    const { jobId, graph, dataset, seed, settings, totalSteps } = this.#task;
    return {
      kind: "run",
      job_id: jobId,
      graph_sha256: hashOf(graph),
      dataset_cid: dataset.cid,
      seed,
      batch_size: settings.batchSize,
      epochs: settings.epochs,
      learning_rate: settings.learningRate ?? null,
      checkpoint_every_steps: settings.checkpointEverySteps,
      total_steps: Number(totalSteps),
      initial_sha256: this.#initial(),
    };
  }
}

export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

const NOTHING_FOUND = {
  initialSha256: "",
  endSha256: "",
  onnxSha256: "",
  weightsSha256: "",
  failureCode: "",
  failureStep: 0n,
  seconds: 1,
} as const;

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/** The state before step 1. */
export function initialState({ seed, dataset }: Pick<ScriptedTask, "seed" | "dataset">): string {
  return hashOf(`${seed} ${dataset.cid}`);
}

/** The state after the steps `from` + 1 to `to`: each is a hash of the one before and of the changes in force. */
function advance(
  state: string,
  { from, to, changes }: { readonly from: number; readonly to: number; readonly changes: readonly Change[] },
): string {
  let after = state;
  for (let step = from + 1; step <= to; step++) {
    const inForce = changes.filter((change) => change.step !== undefined && Number(change.step) < step);
    const settings = inForce.map(({ learningRate, batchSize }) => `${learningRate} ${batchSize}`).join(",");
    after = hashOf(`${after} ${settings}`);
  }
  return after;
}

function modelOf(state: string): { readonly onnx: string; readonly weights: string } {
  return { onnx: `ONNX of ${state}`, weights: `weights of ${state}` };
}
