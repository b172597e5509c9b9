import { type CompiledModel, compile, sequential } from "@cyxwiz/graph";
import { PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initialState } from "../trainer/initial-state.ts";
import type { RunInputs, TrainingDriver, TrainingSession } from "./training-driver.ts";

const BATCH = 8;
const FEATURES = 6;

function model(stepsPerRun: number): CompiledModel {
  const graph = sequential("contract", [
    ["Dense", { units: 12 }],
    ["BatchNorm"],
    ["ReLU"],
    ["Dropout", { rate: 0.25 }],
    ["Dense", { units: 3 }],
    ["Output", { classes: 3 }],
    ["CrossEntropyLoss"],
    ["Adam", { learning_rate: 0.01 }],
  ]);
  return compile(graph, { batchSize: BATCH, sampleShape: [FEATURES], stepsPerRun });
}

/** Steps from `first` (counted from 1): the class of a sample is where its largest of three features is. */
function inputs(compiled: CompiledModel, first: number): RunInputs {
  const steps = compiled.train.stepsPerRun;
  const xs = new Float32Array(steps * BATCH * FEATURES);
  const ys = new BigInt64Array(steps * BATCH);
  for (let step = 0; step < steps; step++) {
    const random = new PhiloxStream(5n, STREAM.simulation, first + step);
    for (let i = 0; i < BATCH * FEATURES; i++) xs[step * BATCH * FEATURES + i] = random.nextUnit() - 0.5;
    for (let i = 0; i < BATCH; i++) {
      const start = (step * BATCH + i) * FEATURES;
      const three = xs.subarray(start, start + 3);
      ys[step * BATCH + i] = BigInt(three.indexOf(Math.max(...three)));
    }
  }
  const scalars = compiled.train.scalarNames.map((_, name) =>
    Float32Array.from({ length: steps }, (_value, step) => compiled.scalarsAt(first + step, 0.01)[name] ?? 0),
  );
  const masks = compiled.train.dropout.map(({ shape }) => new Float32Array(steps * BATCH * (shape[0] ?? 1)).fill(1));
  return { xs, ys, scalars, masks };
}

/** What every training driver promises. */
export function trainingDriverContract(name: string, load: () => Promise<TrainingDriver>): void {
  describe(`training driver contract: ${name}`, () => {
    const shared: { driver?: TrainingDriver } = {};
    const sessions: TrainingSession[] = [];
    const one = model(1);
    const five = model(5);

    async function open(compiled: CompiledModel, threads = 1): Promise<TrainingSession> {
      const session = await shared.driver?.open(compiled, { threads });
      if (!session) throw new TypeError("the driver is not loaded");
      sessions.push(session);
      await session.writeState(initialState(compiled, 1n));
      return session;
    }

    async function runTo(
      session: TrainingSession,
      compiled: CompiledModel,
      range: [from: number, to: number],
    ): Promise<number[]> {
      const losses: number[] = [];
      for (let step = range[0]; step <= range[1]; step += compiled.train.stepsPerRun) {
        losses.push(...(await session.run(inputs(compiled, step))).losses);
      }
      return losses;
    }

    beforeAll(async () => {
      shared.driver = await load();
    });
    afterAll(async () => {
      for (const session of sessions) await session[Symbol.asyncDispose]();
    });

    test("the loss falls and the right answers grow", async () => {
      const session = await open(five);
      const losses = await runTo(session, five, [1, 200]);
      const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean(losses.slice(-20))).toBeLessThan(mean(losses.slice(0, 20)) / 2);
      const { correct } = await session.run(inputs(five, 201));
      expect(mean([...(correct ?? [])])).toBeGreaterThan(0.75 * BATCH);
    });

    test("a repeated run and other lengths of run give the same bits, with one thread or two", async () => {
      for (const threads of [1, 2]) await repeats(threads);
    });

    async function repeats(threads: number): Promise<void> {
      const [a, b, c] = [await open(five, threads), await open(five, threads), await open(one, threads)];
      const losses = await runTo(a, five, [1, 20]);
      expect(await runTo(b, five, [1, 20])).toEqual(losses);
      expect(await runTo(c, one, [1, 20])).toEqual(losses);
      expect(await b.readState()).toEqual(await a.readState());
      expect(await c.readState()).toEqual(await a.readState());
    }

    test("state that was read and written into a new session goes on with the same bits", async () => {
      const unbroken = await open(five);
      await runTo(unbroken, five, [1, 10]);
      const state = await unbroken.readState();
      const resumed = await open(five);
      await resumed.writeState(state);
      expect(await resumed.readState()).toEqual(state);
      expect(await runTo(resumed, five, [11, 20])).toEqual(await runTo(unbroken, five, [11, 20]));
      expect(await resumed.readState()).toEqual(await unbroken.readState());
    });

    test("state that was read stays as it was while training goes on", async () => {
      const session = await open(one);
      const before = await session.readState();
      const copy = new Map([...before].map(([key, values]) => [key, values.slice()]));
      await runTo(session, one, [1, 4]);
      expect(before).toEqual(copy);
      expect(await session.readState()).not.toEqual(copy);
    });

    test("a prediction takes any number of samples and does not change the state", async () => {
      const session = await open(one);
      const state = await session.readState();
      const { xs } = inputs(one, 1);
      const all = await session.predict(xs, BATCH);
      const first = await session.predict(xs.slice(0, 3 * FEATURES), 3);
      expect(all.length).toBe(BATCH * 3);
      all.subarray(0, 9).forEach((score, i) => expect(first[i]).toBeCloseTo(score, 5));
      expect(await session.readState()).toEqual(state);
    });

    test("a program or an input that the runtime refuses is the driver's failure, with the reason", async () => {
      const broken = { ...one, train: { ...one.train, onnx: Uint8Array.of(1, 2, 3) } };
      await expect(open(broken)).rejects.toMatchObject({
        code: "backend/driver-failed",
        context: { during: "opening" },
      });
      const session = await open(one);
      const wrong = { ...inputs(one, 1), ys: new Float32Array(BATCH * 3) };
      await expect(session.run(wrong)).rejects.toMatchObject({
        code: "backend/driver-failed",
        context: { during: "training" },
      });
    });
  });
}
