/** A Server Node for tests: it speaks StreamTasks through the handler, without a network and without training. */
import { createHash } from "node:crypto";
import { assert } from "@cyxwiz/primitives";
import { BoundedQueue } from "@cyxwiz/platform";
import type { TestMachine, TestMarket } from "./market.fixture.ts";

interface Running {
  readonly assignmentId: string;
  readonly jobId: string;
  readonly fencingToken: bigint;
  readonly step: bigint;
}

interface Received {
  readonly case: string;
  readonly value: unknown;
}

export interface Verdict {
  readonly accepted: boolean;
  readonly code: string;
  readonly message: string;
}

export interface Task {
  readonly assignmentId: string;
  readonly jobId: string;
  readonly fencingToken: bigint;
  readonly totalSteps: bigint;
  readonly settings: { readonly checkpointEverySteps: number };
  readonly resume?: { readonly step: bigint; readonly cid: string };
  readonly [field: string]: unknown;
}

export class TestNode {
  readonly machine: TestMachine;
  readonly running: readonly Running[];
  readonly #market: TestMarket;
  readonly #requests = new BoundedQueue<object>(1_000);
  readonly #received: Received[] = [];
  readonly #abort = new AbortController();
  readonly #reading: Promise<void>;
  #arrived = Promise.withResolvers<void>();
  #sequence = 0n;
  readonly #committed = new Map<string, bigint>();
  #uploads = 0;
  /** Why the stream ended, once it has. */
  ended: unknown = "open";

  constructor(market: TestMarket, machine: TestMachine, running: readonly Running[]) {
    this.#market = market;
    this.machine = machine;
    this.running = running;
    const hello = { nodeId: machine.nodeId, build: "test-1", lowerings: [], hardwareClass: "test-cpu", running };
    this.#requests.push({ sequence: 0n, message: { case: "hello", value: hello } });
    this.#reading = this.#read();
  }

  /** The next message of a kind; those of other kinds stay. */
  async receive(kind: string): Promise<unknown> {
    for (;;) {
      const index = this.#received.findIndex((message) => message.case === kind);
      if (index >= 0) return this.#received.splice(index, 1)[0]?.value;
      assert(this.ended === "open", `the stream ended (${String(this.ended)}) before ${kind}`);
      await this.#arrived.promise;
    }
  }

  has(kind: string): boolean {
    return this.#received.some((message) => message.case === kind);
  }

  async task(): Promise<Task> {
    return (await this.receive("assignment")) as Task;
  }

  /** Sends a report and returns the server's verdict. */
  async report(kind: string, value: object): Promise<Verdict> {
    this.#sequence += 1n;
    this.#requests.push({ sequence: this.#sequence, message: { case: kind, value } });
    return (await this.receive("answer")) as Verdict;
  }

  async accept(task: Task): Promise<Verdict> {
    return this.report("accepted", idOf(task));
  }

  async progress(task: Task, step: bigint, loss = 1): Promise<Verdict> {
    return this.report("progress", { ...idOf(task), step, epoch: 1, loss, samplesPerSecond: 100, secondsLeft: 5 });
  }

  /** Uploads a state and commits it, after those that are due before it. */
  async checkpoint(task: Task, step: bigint): Promise<Verdict> {
    const every = BigInt(task.settings.checkpointEverySteps);
    const done = this.#committed.get(task.assignmentId) ?? task.resume?.step ?? 0n;
    for (let due = (done / every + 1n) * every; due < step; due += every) await this.#commit(task, due);
    return this.#commit(task, step);
  }

  async #commit(task: Task, step: bigint): Promise<Verdict> {
    this.#committed.set(task.assignmentId, step);
    const state = await this.artifact(`state at ${step}`);
    return this.report("checkpoint", { ...idOf(task), step, initialSha256: "", ...state });
  }

  async result(task: Task): Promise<Verdict> {
    return this.report("result", {
      ...idOf(task),
      step: task.totalSteps,
      metrics: { loss: 0.1, accuracy: 0.9 },
      onnx: await this.artifact("an ONNX model"),
      weights: await this.artifact("weights"),
      seconds: 3,
      lowering: String(task["lowering"]),
      build: "test-1",
      hardwareClass: "test-cpu",
      chainRoot: "",
      initialSha256: "",
    });
  }

  async artifact(text: string): Promise<{ cid: string; sha256: string; sizeBytes: bigint }> {
    const bytes = `${text} of ${this.machine.nodeId} ${this.#uploads++}`;
    const { cid, sizeBytes } = await this.#market.upload(this.machine.apiKey, bytes);
    return { cid, sha256: createHash("sha256").update(bytes).digest("hex"), sizeBytes: BigInt(sizeBytes) };
  }

  /** The connection is gone; the node keeps whatever it was doing. */
  async close(): Promise<void> {
    this.#requests.close();
    this.#abort.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      const context = await this.#market.rpcContext(
        "cyxwiz.protocol.NodeService/StreamTasks",
        this.machine.apiKey,
        this.#abort.signal,
      );
      const streamTasks = this.#market.handler("NodeService", "streamTasks");
      const messages = streamTasks(this.#requests, context) as AsyncIterable<{ readonly message: Received }>;
      for await (const { message } of messages) {
        this.#received.push(message);
        this.#notify();
      }
      this.ended = "closed";
    } catch (error) {
      this.ended = error;
    }
    this.#notify();
  }

  #notify(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers<void>();
  }
}

export function idOf(task: Task): { assignmentId: string; fencingToken: bigint } {
  return { assignmentId: task.assignmentId, fencingToken: task.fencingToken };
}
