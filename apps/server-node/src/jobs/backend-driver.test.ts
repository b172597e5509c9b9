import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Samples, writeDataset } from "@cyxwiz/backend";
import { mlp, writeCyxwiz } from "@cyxwiz/graph";
import { defined, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { MemoryLogger, systemClock } from "@cyxwiz/platform";
import { expect, test } from "vitest";
import { rootOfReports } from "../../test/chain-of-reports.ts";
import { CPU_ALLOCATION, NODE_ID, sampleAssignment, UNIT_ID } from "../../test/sample-assignment.ts";
import { tempFolder, until } from "../../test/temp-folder.ts";
import type { LiveChange, NodeReport, TrainAssignment } from "../central/messages.ts";
import { ReportOutbox } from "../central/report-outbox.ts";
import { DevicePool } from "../devices/device-pool.ts";
import { describeFile } from "./artifact-upload.ts";
import { createBackendDriver } from "./backend-driver.ts";
import { JobExecutor } from "./job-executor.ts";
import { ObjectCache } from "./object-cache.ts";
import type { TrainerAbilities } from "./trainer.ts";

const GIB = 1024 ** 3;
const { signal } = new AbortController();

/** Points of a plane, labelled by the side of a line: a network learns it in a few steps. */
function points(count: number, lane: number, scale: number): Samples {
  const random = new PhiloxStream(1n, STREAM.simulation, lane);
  const x = Float32Array.from({ length: count * 2 }, () => scale * (random.nextUnit() - 0.5));
  const y = BigInt64Array.from({ length: count }, (_, i) => ((x[2 * i] ?? 0) > (x[2 * i + 1] ?? 0) ? 1n : 0n));
  return { count, x, y };
}

async function writePoints(path: string, scale: number = 1): Promise<void> {
  const description = {
    trainSamples: 64,
    testSamples: 16,
    sampleShape: [2],
    classes: 2,
    classNames: ["a", "b"],
    targetShape: [],
  };
  await writeDataset(path, {
    description: { ...description, scaling: { scale: 1, offset: 0 } },
    train: points(64, 0, scale),
    test: points(16, 1, scale),
  });
}

interface Site extends AsyncDisposable {
  readonly executor: JobExecutor;
  readonly abilities: TrainerAbilities;
  /** Forty real steps, with a checkpoint every twenty. */
  readonly assignment: TrainAssignment;
  readonly reports: NodeReport[];
  /** Accepts reports until nothing runs. */
  settle(): Promise<void>;
}

/** An executor with the embedded driver, in a folder of its own. */
async function site(options: { scale?: number; epochs?: number } = {}): Promise<Site> {
  const folder = await tempFolder();
  const driver = await createBackendDriver(new MemoryLogger());
  const dataset = join(folder.path, "points.safetensors");
  await writePoints(dataset, options.scale);
  const { cid, sizeBytes } = await describeFile(dataset, signal);
  const pool = new DevicePool([{ unitId: UNIT_ID, allocation: { ...CPU_ALLOCATION, memoryBytes: 4 * GIB } }], 1);
  pool.raise(UNIT_ID, "registration-started");
  pool.raise(UNIT_ID, "registered");
  const outbox = new ReportOutbox();
  const cache = await ObjectCache.open({
    folder: join(folder.path, "cache"),
    maxBytes: GIB,
    clock: systemClock,
    attempt: (download) => download(),
    download: async function* () {
      yield await readFile(dataset);
    },
  });
  const executor = new JobExecutor({
    nodeId: NODE_ID,
    dataDir: folder.path,
    abilities: driver.abilities,
    priority: "normal",
    startTrainer: driver.start,
    cache,
    fetchCheckpoint: async ({ sha256 }) => ({ path: join(folder.path, sha256), [Symbol.dispose]: () => undefined }),
    upload: async (file) => {
      const artifact = await describeFile(file, signal);
      await copyFile(file, join(folder.path, artifact.sha256));
      return artifact;
    },
    outbox,
    clock: systemClock,
    logger: new MemoryLogger(),
    pool,
  });
  const epochs = options.epochs ?? 10;
  const work = {
    lowering: defined(driver.abilities.lowerings[0], "a lowering"),
    build: driver.abilities.build,
    settings: { batchSize: 16, epochs, checkpointEverySteps: 20, learningRate: 0.05 },
    graph: writeCyxwiz(mlp({ outputs: 2, task: "classify", hidden: [8] })),
    totalSteps: 4 * epochs,
    memoryBytes: 2 * GIB,
    threads: 1,
    dataset: { cid, sizeBytes },
  };
  const reports: NodeReport[] = [];
  const settle = (): Promise<void> =>
    until(() => {
      for (const { sequence, report } of outbox.take(100)) {
        reports.push(report);
        outbox.answer({ sequence, accepted: true, code: "", message: "" });
      }
      return executor.running().length === 0;
    });
  return {
    executor,
    abilities: driver.abilities,
    assignment: await sampleAssignment(work),
    reports,
    settle,
    [Symbol.asyncDispose]: async () => {
      await executor[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The last report, which is of that kind. */
function lastOf<K extends NodeReport["kind"]>({ reports }: Site, kind: K): Extract<NodeReport, { readonly kind: K }> {
  const last = reports.at(-1);
  if (last?.kind === kind) return last as Extract<NodeReport, { readonly kind: K }>;
  throw new TypeError(JSON.stringify(last, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value)));
}

const CHANGES = {
  rate: { changeId: "88888888-8888-4888-8888-888888888888", learningRate: 0.02, stop: false, signature: "c2ln" },
  stop: { changeId: "99999999-9999-4999-8999-999999999999", stop: true, signature: "c3RvcA" },
} satisfies Record<string, LiveChange>;

test("the embedded driver trains a real assignment: same seed, same bits", { timeout: 60_000 }, async () => {
  await using first = await site();
  await using second = await site();
  for (const at of [first, second]) {
    at.executor.offer(at.assignment);
    await at.settle();
  }
  expect(first.reports.filter(({ kind }) => kind !== "progress").map(({ kind }) => kind)).toEqual([
    "accepted",
    "checkpoint",
    "checkpoint",
    "result",
  ]);
  const [a, b] = [lastOf(first, "result"), lastOf(second, "result")];
  expect(a.weights).toEqual(b.weights);
  expect(a.chainRoot).toBe(b.chainRoot);
  expect(a.step).toBe(40);
  expect(a.metrics["test_accuracy"]).toBeGreaterThan(0.8);
});

test("[NJ13] the embedded driver finds again what it trained, told no hash", { timeout: 60_000 }, async () => {
  await using at = await site();
  at.executor.offer(at.assignment);
  await at.settle();
  const result = lastOf(at, "result");
  const [start, end] = at.reports.filter((report) => report.kind === "checkpoint");
  const { kind: _, ...order } = at.assignment;
  const rerun = { fromStep: 20, toStep: 40, withModel: true, expectsFailure: false, start: defined(start, "one") };
  at.executor.offer({ ...order, kind: "VERIFY", rerun, fencingToken: 7n });
  await at.settle();
  expect(lastOf(at, "rerun")).toMatchObject({
    initialSha256: result.initialSha256,
    endSha256: end?.sha256,
    onnxSha256: result.onnx.sha256,
    weightsSha256: result.weights.sha256,
    build: result.build,
  });
});

test(
  "[NJ12] a job that its user changes and stops ends at the root of what was reported",
  { timeout: 60_000 },
  async () => {
    await using at = await site({ epochs: 20_000 });
    at.executor.offer(at.assignment);
    await until(() => (at.executor.running()[0]?.step ?? 0) > 20);
    at.executor.change(at.assignment, CHANGES.rate);
    const { step } = defined(at.executor.running()[0], "the training");
    await until(() => (at.executor.running()[0]?.step ?? 0) > step + 20);
    at.executor.change(at.assignment, CHANGES.stop);
    await at.settle();
    const changes = Object.values(CHANGES);
    const attempt = { assignment: at.assignment, changes, reports: at.reports, by: at.abilities };
    expect(lastOf(at, "result").chainRoot).toBe(rootOfReports([attempt]));
    expect(lastOf(at, "result").step).toBeLessThan(at.assignment.totalSteps);
    const commits = at.reports.filter((report) => report.kind === "checkpoint" || report.kind === "changed");
    const { stop } = CHANGES;
    expect(commits.at(-1)).toMatchObject({ kind: "changed", changeId: stop.changeId, step: commits.at(-2)?.step });
    expect(commits.at(-2)?.kind).toBe("checkpoint");
  },
);

test("data that explodes is the job's fault", { timeout: 60_000 }, async () => {
  await using at = await site({ scale: 6.5e38 });
  at.executor.offer(at.assignment);
  await at.settle();
  expect(lastOf(at, "failed")).toMatchObject({ blame: "job", code: "backend/loss-not-finite" });
});

test("the driver measures itself and names what it is", { timeout: 60_000 }, async () => {
  const driver = await createBackendDriver(new MemoryLogger());
  const speed = await driver.measure(1, signal);
  expect(speed.trainFlopsPerSecond).toBeGreaterThan(1e6);
  expect(speed).toMatchObject({ build: driver.abilities.build, hardwareClass: driver.abilities.hardwareClass });
  expect(driver.abilities.lowerings).toContain(speed.lowering);
});

test("[NJ8] a trainer dies with the daemon that started it", { timeout: 60_000 }, async () => {
  await using folder = await tempFolder();
  const dataset = join(folder.path, "points.safetensors");
  await writePoints(dataset);
  const graph = writeCyxwiz(mlp({ outputs: 2, task: "classify", hidden: [8] }));
  const settings = { batchSize: 1, epochs: 10_000, seed: "1", checkpointEverySteps: 1_000_000, threads: 1 };
  const job = { graph, datasetPath: dataset, outputDir: join(folder.path, "out"), ...settings };
  const script = `const { startTrainer } = await import(${JSON.stringify(new URL("../../../../packages/backend/src/index.ts", import.meta.url).href)});
    const trainer = startTrainer(${JSON.stringify(job)});
    for await (const event of trainer.events) if (event.kind !== "progress") console.log(event.kind === "started" ? trainer.pid : JSON.stringify(event));`;
  const daemon = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [printed] = (await once(daemon.stdout, "data")) as [Buffer];
  const trainerId = Number.parseInt(printed.toString(), 10);
  expect(isAlive(trainerId)).toBe(true);
  daemon.kill("SIGKILL");
  await until(() => !isAlive(trainerId));
});

function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
}
