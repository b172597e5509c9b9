import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defined } from "@cyxwiz/primitives";
import { expect, onTestFinished, test, vi } from "vitest";
import { loadOrtNode } from "../driver/ort-node.ts";
import { systemClock } from "@cyxwiz/platform";
import { PreparedJob } from "./prepared-job.ts";
import { tinyJob } from "./tiny-job.fixture.ts";
import { startTrainer } from "./trainer-process.ts";
import { train } from "./trainer.ts";
import type { TrainingEvent, TrainingJob } from "./training-job.ts";

async function inProcess(job: TrainingJob): Promise<TrainingEvent | undefined> {
  const events: TrainingEvent[] = [];
  await train(job, {
    driver: await loadOrtNode(),
    clock: systemClock,
    isStopped: () => false,
    emit: (event) => void events.push(event),
  });
  return events.at(-1);
}

test("a trainer process gives the result of the same training in process, without the parent's environment", async () => {
  vi.stubEnv("CYXWIZ_SECRET", "hunter2");
  onTestFinished(() => void vi.unstubAllEnvs());
  await using trainer = startTrainer(await tinyJob(), { niceness: 5 });
  let environment = "";
  const events: TrainingEvent[] = [];
  for await (const event of trainer.events) {
    const path = `/proc/${trainer.pid}/environ`;
    if (event.kind === "started" && existsSync(path)) environment = readFileSync(path, "utf8");
    events.push(event);
  }
  const last = events.at(-1);
  const expected = await inProcess(await tinyJob());
  expect(last?.kind === "finished" && last.weightsSha256).toBe(expected?.kind === "finished" && expected.weightsSha256);
  expect(environment).not.toContain("hunter2");
});

test("[TR8] a trainer that is killed says so as the node's fault, and its checkpoint goes on to the same bits", async () => {
  const job = await tinyJob({ epochs: 100_000, checkpointEverySteps: 15 });
  await using trainer = startTrainer(job);
  const events: TrainingEvent[] = [];
  for await (const event of trainer.events) {
    events.push(event);
    if (event.kind === "checkpoint") process.kill(defined(trainer.pid, "the process id"), "SIGKILL");
  }
  expect(events.at(-1)).toMatchObject({ kind: "failed", blame: "node", code: "backend/trainer-lost" });
  expect(events.at(-1)).toHaveProperty("message", expect.stringContaining("SIGKILL"));
  const checkpoint = events.find((event) => event.kind === "checkpoint");
  const resumeFrom = checkpoint?.kind === "checkpoint" ? checkpoint.path : "";
  const [resumed, whole] = [await inProcess({ ...job, epochs: 4, resumeFrom }), await inProcess(await tinyJob())];
  expect(whole?.kind).toBe("finished");
  expect(resumed?.kind === "finished" && resumed.weightsSha256).toBe(whole?.kind === "finished" && whole.weightsSha256);
});

test("a trainer asked to stop ends with a checkpoint and a model of the step it reached", async () => {
  await using trainer = startTrainer(await tinyJob({ epochs: 100_000, checkpointEverySteps: 1_000_000 }));
  const events: TrainingEvent[] = [];
  let stopped: Promise<void> | undefined;
  for await (const event of trainer.events) {
    events.push(event);
    if (event.kind === "epoch") stopped ??= trainer.stop();
  }
  await stopped;
  const last = events.at(-1);
  const checkpoint = events.findLast((event) => event.kind === "checkpoint");
  expect(last?.kind).toBe("finished");
  expect(checkpoint?.step).toBe(last?.kind === "finished" && last.step);
  expect(last?.kind === "finished" && last.step).toBeLessThan(1_000_000);
});

test("[TR11] a change that is sent to a trainer takes effect between its steps, and a stop among them ends it", async () => {
  await using trainer = startTrainer(await tinyJob({ epochs: 100_000, checkpointEverySteps: 1_000_000 }));
  const events: TrainingEvent[] = [];
  for await (const event of trainer.events) {
    events.push(event);
    if (event.kind !== "epoch" || event.epoch !== 1) continue;
    trainer.change({ id: "slower", learningRate: 0.001, batchSize: 4 });
    trainer.change({ id: "enough", stop: true });
  }
  const ends = events.filter(({ kind }) => kind === "changed" || kind === "checkpoint" || kind === "finished");
  expect(ends.map(({ kind }) => kind)).toEqual(["changed", "changed", "checkpoint", "finished"]);
  const steps = ends.map((event) => ("step" in event ? event.step : 0));
  expect(new Set(steps).size).toBe(1);
  expect(steps[0]).toBeLessThan(1_000_000);
});

test("[TR13] a replay in a process ends with its result, also with an infinite distance", async () => {
  const job = await tinyJob({ epochs: 1 });
  const replay = { toStep: 7, withModel: true };
  await using first = startTrainer({ ...job, replay });
  const answer = (await Array.fromAsync(first.events)).at(-1);
  expect(answer).toMatchObject({
    kind: "replayed",
    step: 7,
    endSha256: expect.stringMatching(/^[\da-f]{64}$/) as string,
  });
  expect(await inProcess({ ...job, replay })).toMatchObject({ ...answer, seconds: expect.anything() as number });
  // A claim that calls the initial state the seventh step's.
  const prepared = await PreparedJob.read(job, "any build");
  const claim = join(job.datasetPath, "..", "lazy.safetensors");
  await writeFile(claim, prepared.checkpointParts({ ...prepared.initial, step: 7 }));
  await using second = startTrainer({ ...job, replay: { ...replay, claim } });
  const far = (await Array.fromAsync(second.events)).at(-1);
  expect(far).toMatchObject({ kind: "replayed", distance: Number.POSITIVE_INFINITY });
});

test("an aborted trainer is gone at once and its events end with the reason", async () => {
  const controller = new AbortController();
  await using trainer = startTrainer(await tinyJob({ epochs: 100_000 }), { signal: controller.signal });
  const reading = (async () => {
    for await (const event of trainer.events) if (event.kind === "epoch") controller.abort();
  })();
  await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  await using late = startTrainer(await tinyJob(), { signal: controller.signal });
  await expect(Array.fromAsync(late.events)).rejects.toMatchObject({ name: "AbortError" });
});

test("a trainer over its memory gives up as the node's fault", async () => {
  await using trainer = startTrainer(await tinyJob(), { memoryBytes: 1_000_000 });
  const events = await Array.fromAsync(trainer.events);
  expect(events.at(-1)).toMatchObject({ kind: "failed", blame: "node", code: "backend/memory-exceeded" });
});

test.skipIf(process.platform !== "linux")("a trainer dies with its parent", async () => {
  const job = await tinyJob({ epochs: 100_000, checkpointEverySteps: 1_000_000 });
  const module = JSON.stringify(fileURLToPath(new URL("./trainer-process.ts", import.meta.url)));
  const script = `import { startTrainer } from ${module}; const trainer = startTrainer(${JSON.stringify(job)});
    for await (const event of trainer.events) if (event.kind === "epoch") console.log(trainer.pid);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = await new Promise<number>((resolve) => {
    parent.stdout.setEncoding("utf8").once("data", (text: string) => resolve(Number.parseInt(text, 10)));
  });
  expect(isRunning(pid)).toBe(true);
  parent.kill("SIGKILL");
  await vi.waitUntil(() => !isRunning(pid), { timeout: 10_000, interval: 20 });
});

/** A process that has ended but was not waited for is a zombie (Z), not running. */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
