import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Samples, writeDataset } from "@cyxwiz/backend";
import { mlp, writeCyxwiz } from "@cyxwiz/graph";
import { defined, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { MemoryLogger, systemClock } from "@cyxwiz/platform";
import { expect, test } from "vitest";
import { CPU_ALLOCATION, sampleAssignment, UNIT_ID } from "../../test/sample-assignment.ts";
import { tempFolder, until } from "../../test/temp-folder.ts";
import type { NodeReport } from "../central/messages.ts";
import { ReportOutbox } from "../central/report-outbox.ts";
import { DevicePool } from "../devices/device-pool.ts";
import { describeFile } from "./artifact-upload.ts";
import { createBackendDriver } from "./backend-driver.ts";
import { JobExecutor } from "./job-executor.ts";
import { ObjectCache } from "./object-cache.ts";

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

/** Runs one real assignment to its last report. */
async function train(folder: string, scale: number = 1): Promise<readonly NodeReport[]> {
  const driver = await createBackendDriver(new MemoryLogger());
  const dataset = join(folder, "points.safetensors");
  await writePoints(dataset, scale);
  const { cid, sizeBytes } = await describeFile(dataset, signal);
  const pool = new DevicePool([{ unitId: UNIT_ID, allocation: { ...CPU_ALLOCATION, memoryBytes: 4 * GIB } }], 1);
  pool.raise(UNIT_ID, "registration-started");
  pool.raise(UNIT_ID, "registered");
  const outbox = new ReportOutbox();
  const cache = await ObjectCache.open({
    folder: join(folder, "cache"),
    maxBytes: GIB,
    clock: systemClock,
    attempt: (download) => download(),
    download: async function* () {
      yield await readFile(dataset);
    },
  });
  let stored = 0;
  await using executor = new JobExecutor({
    dataDir: folder,
    abilities: driver.abilities,
    priority: "normal",
    startTrainer: driver.start,
    cache,
    fetchCheckpoint: () => Promise.reject(new TypeError("not part of this test")),
    upload: async (file) => {
      await copyFile(file, join(folder, `stored-${stored++}`));
      return describeFile(file, signal);
    },
    outbox,
    clock: systemClock,
    logger: new MemoryLogger(),
    pool,
  });
  const lowering = defined(driver.abilities.lowerings[0], "a lowering");
  const settings = { batchSize: 16, epochs: 10, checkpointEverySteps: 20, learningRate: 0.05 };
  const graph = writeCyxwiz(mlp({ outputs: 2, task: "classify", hidden: [8] }));
  const work = {
    lowering,
    settings,
    graph,
    totalSteps: 40,
    memoryBytes: 2 * GIB,
    threads: 1,
    dataset: { cid, sizeBytes },
  };
  executor.offer(await sampleAssignment(work));
  const reports: NodeReport[] = [];
  await until(() => {
    for (const { sequence, report } of outbox.take(100)) {
      reports.push(report);
      outbox.answer({ sequence, accepted: true, code: "", message: "" });
    }
    return executor.running().length === 0;
  });
  return reports;
}

test("the embedded driver trains a real assignment: same seed, same bits", { timeout: 60_000 }, async () => {
  await using first = await tempFolder();
  await using second = await tempFolder();
  const [one, two] = [await train(first.path), await train(second.path)];
  expect(one.filter(({ kind }) => kind !== "progress").map(({ kind }) => kind)).toEqual([
    "accepted",
    "checkpoint",
    "checkpoint",
    "result",
  ]);
  const [a, b] = [one.at(-1), two.at(-1)];
  if (a?.kind !== "result" || b?.kind !== "result")
    throw new TypeError(JSON.stringify([a, b], (_, v) => (typeof v === "bigint" ? `${v}` : v)));
  expect(a.weights).toEqual(b.weights);
  expect(a.step).toBe(40);
  expect(a.metrics["test_accuracy"]).toBeGreaterThan(0.8);
});

test("data that explodes is the job's fault", { timeout: 60_000 }, async () => {
  await using folder = await tempFolder();
  const reports = await train(folder.path, 6.5e38);
  expect(reports.at(-1)).toMatchObject({ kind: "failed", blame: "job", code: "backend/loss-not-finite" });
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
