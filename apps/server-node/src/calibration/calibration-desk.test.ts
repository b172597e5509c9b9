import { generateKeyPairSync, sign, verify } from "node:crypto";
import { type Calibrator, type ComputedRound, type RoundRequest, startCalibrator } from "@cyxwiz/backend";
import { chainProduct, challengeText, checkProduct } from "@cyxwiz/market";
import { MemoryLogger, VirtualClock } from "@cyxwiz/platform";
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { CPU_ALLOCATION, UNIT_ID } from "../../test/sample-assignment.ts";
import type { CalibrationAnswer, CalibrationTask } from "../central/messages.ts";
import { DevicePool } from "../devices/device-pool.ts";
import { CalibrationDesk, type CalibrationDeskOptions } from "./calibration-desk.ts";
import { WARM_MS } from "./limits.ts";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");

function signed(change: Partial<CalibrationTask> = {}): CalibrationTask {
  const task = {
    challengeId: "11111111-1111-4111-8111-111111111111",
    unitId: UNIT_ID as string,
    seed: "18446744073709551615",
    rounds: [{ size: 16, products: 3 }],
    secondsAtMost: 60,
    ...change,
  };
  const signature = sign(null, Buffer.from(challengeText(task)), privateKey).toString("base64url");
  return { signature, ...task };
}

/** A process that computes when it is told to. */
class ScriptedCalibrator implements Calibrator {
  readonly requests: RoundRequest[] = [];
  isDisposed = false;
  #waiting = Promise.withResolvers<ComputedRound>();

  async compute(request: RoundRequest): Promise<ComputedRound> {
    this.requests.push(request);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  finish(): void {
    this.#waiting.resolve({ size: 16, product: new Uint8Array(256), seconds: 1 });
  }

  fail(): void {
    this.#waiting.reject(new TypeError("the process ended"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
    this.fail();
  }
}

function setup(change: Partial<CalibrationDeskOptions> = {}): {
  desk: CalibrationDesk;
  pool: DevicePool;
  clock: VirtualClock;
  processes: ScriptedCalibrator[];
  answers: CalibrationAnswer[];
  next: () => Promise<CalibrationAnswer>;
} {
  const pool = new DevicePool([{ unitId: UNIT_ID, allocation: CPU_ALLOCATION }], 4);
  pool.raise(UNIT_ID, "registration-started");
  pool.raise(UNIT_ID, "registered");
  const clock = new VirtualClock();
  const processes: ScriptedCalibrator[] = [];
  const answers: CalibrationAnswer[] = [];
  let arrived = Promise.withResolvers<CalibrationAnswer>();
  const desk = new CalibrationDesk({
    pool,
    devices: ["cpu"],
    verify: (text, signature) => verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64url")),
    startCalibrator: () => {
      const started = new ScriptedCalibrator();
      processes.push(started);
      return started;
    },
    answer: (answer) => {
      answers.push(answer);
      arrived.resolve(answer);
      arrived = Promise.withResolvers();
    },
    clock,
    logger: new MemoryLogger(),
    ...change,
  });
  return { desk, pool, clock, processes, answers, next: () => arrived.promise };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("[CAL1] a process of the backend computes what the server checks for", async () => {
  const at = setup({ startCalibrator: () => startCalibrator({ niceness: 10 }) });
  await using desk = at.desk;
  const task = signed({
    rounds: [
      { size: 16, products: 3 },
      { size: 64, products: 20 },
    ],
  });
  desk.take(task);
  const { results, code, busy } = await at.next();
  expect({ code, busy }).toEqual({ code: "", busy: false });
  for (const [i, round] of task.rounds.entries()) {
    const product = new Uint8Array(results[i]?.product ?? []);
    const seed = BigInt(task.seed);
    expect(product).toEqual(chainProduct(seed, round));
    const steps = checkProduct({ seed, round, product, randomBytes });
    let step = steps.next();
    while (!step.done) step = steps.next();
    expect(step.value).toBe(true);
  }
});

test("a unit computes with all its threads, and its process waits for the next round for a moment", async () => {
  const { desk, clock, processes, next } = setup();
  for (let round = 0; round < 2; round++) {
    desk.take(signed());
    await settle();
    const answered = next();
    processes[0]?.finish();
    expect(await answered).toMatchObject({ busy: false, code: "", results: [{ size: 16 }] });
  }
  expect(processes).toHaveLength(1);
  expect(processes[0]?.requests.map(({ threads }) => threads)).toEqual([4, 4]);
  await clock.advance(WARM_MS);
  expect(processes[0]?.isDisposed).toBe(true);
  desk.take(signed());
  await settle();
  expect(processes).toHaveLength(2);
  await desk[Symbol.asyncDispose]();
  expect(processes[1]?.isDisposed).toBe(true);
});

test("[CAL8] a unit that works is busy", async () => {
  const { desk, pool, processes, next } = setup();
  using lease = pool.acquire({ unitId: UNIT_ID, assignmentId: "a", threads: 1, memoryBytes: 1 }) as Disposable;
  desk.take(signed());
  expect(await next()).toMatchObject({ busy: true, code: "", results: [] });
  expect([processes.length, lease]).toEqual([0, lease]);
});

test("[CAL8] work that arrives ends the computing at once, and the answer is that the unit is busy", async () => {
  const { desk, processes, next } = setup();
  desk.take(signed());
  await settle();
  const answered = next();
  desk.interrupt();
  expect(processes[0]?.isDisposed).toBe(true);
  expect(await answered).toMatchObject({ busy: true, code: "" });
});

test("[CAL8] a unit computes one challenge at a time", async () => {
  const { desk, processes, next } = setup();
  desk.take(signed());
  await settle();
  const answered = next();
  desk.take(signed({ challengeId: "22222222-2222-4222-8222-222222222222" }));
  expect(await answered).toMatchObject({ busy: true, challengeId: "22222222-2222-4222-8222-222222222222" });
  expect(processes).toHaveLength(1);
  await desk[Symbol.asyncDispose]();
});

test("a process that breaks by itself is told as a failure, and the next task gets a new one", async () => {
  const { desk, processes, next } = setup();
  desk.take(signed());
  await settle();
  const answered = next();
  processes[0]?.fail();
  expect(await answered).toMatchObject({ busy: false, code: "internal", message: "the process ended" });
  desk.take(signed());
  await settle();
  expect(processes).toHaveLength(2);
  await desk[Symbol.asyncDispose]();
});

test("[CAL11] a task that the server did not sign is refused by name", async () => {
  const { desk, processes, next } = setup();
  desk.take({ ...signed(), seed: "1" });
  expect(await next()).toMatchObject({ busy: false, code: "node/calibration-signature-mismatch" });
  expect(processes).toHaveLength(0);
});

test("a device that this build cannot compute on, an unknown unit and too many rounds are refused by name", async () => {
  const gpuOnly = setup({ devices: ["gpu"] });
  gpuOnly.desk.take(signed());
  expect(await gpuOnly.next()).toMatchObject({ code: "node/calibration-unsupported" });
  const { desk, next } = setup();
  let answered = next();
  desk.take(signed({ unitId: "unit_gpu9_zzzzzz" }));
  expect(await answered).toMatchObject({ code: "node/unit-unknown" });
  answered = next();
  desk.take(signed({ rounds: [] }));
  expect(await answered).toMatchObject({ code: "node/calibration-rounds-exceeded" });
});

test("a desk that is closed takes and answers nothing", async () => {
  const { desk, answers, processes } = setup();
  desk.take(signed());
  await settle();
  await desk[Symbol.asyncDispose]();
  desk.take(signed());
  await settle();
  expect([answers.length, processes.length]).toEqual([0, 1]);
});
