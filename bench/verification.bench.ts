/**
 * Benchmark of what checking costs: the digits network as a job of ten minutes, against the same job unchecked.
 *
 * A run of ten minutes is not made; its parts are. Trainings of 125 and of 750 steps (1 and 6 epochs) give the price of
 * a start and of a step, the same 125 steps with many checkpoints the price of one checkpoint, and re-runs of 25 and of
 * 425 steps the price of a verifier's start and of a re-run step. Every part is a process of its own, as on a node, with
 * its way to and from an object store over HTTP: the dataset and two checkpoints down for a re-run, checkpoints and model
 * up for a training; the store's share is counted too. A step costs the same wherever it is, so the job is put together
 * from these: as many steps as fit ten minutes at the speed measured, the interval that the market would draw for it, and
 * every checkpoint counted as if checking alone needed it.
 *
 * All by processor time, the least of the rounds (other work on the machine can only add). Not counted: messages and the
 * wait for a free verifier. Exits 1 above the bar.
 *
 * Run: npm run bench -- verification
 */
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  describeDataset,
  loadData,
  parseDataSpec,
  selectDriver,
  train,
  writeDataset,
  type TrainingEvent,
  type TrainingJob,
} from "@cyxwiz/backend";
import { FileObjectStore, unixfsCid } from "@cyxwiz/cyxcloud";
import { systemClock } from "@cyxwiz/platform";
import { defined, parseCid } from "@cyxwiz/primitives";
import { drawInterval } from "@cyxwiz/receipt";
import { median, reportFigure } from "./figure.ts";

const MAX_SHARE = 0.05;
const JOB_SECONDS = 600;
/** As many as the market asks of a job whose user does not ask for more. */
const CHECKPOINTS = 50;
const BATCH_SIZE = 64;
const THREADS = 2;
const ROUNDS = 2;
const STEPS_PER_EPOCH = 125;
const LONG_EPOCHS = 6;
const RERUN = { from: 100, short: 125, long: 525 };
const MANY_CHECKPOINTS_EVERY = 5;
const MAX_OBJECT_BYTES = 1_000_000_000;
const GRAPH = new URL("../examples/digits-cnn.cyxwiz", import.meta.url);

/** What a process of its own does, and what it fetches first. */
interface Part {
  readonly job: TrainingJob;
  readonly store: string;
  readonly inputs: readonly { readonly cid: string; readonly path: string }[];
}

interface Spent {
  readonly cpuSeconds: number;
  /** From the trainer's "started" to its end. */
  readonly loopSeconds: number;
  readonly stored: readonly { readonly step: number; readonly cid: string }[];
}

const [, , role, partFile] = process.argv;
if (role === "part" && partFile !== undefined) await runPart(JSON.parse(await readFile(partFile, "utf8")) as Part);
else await benchmark();

async function benchmark(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-bench-verification-"));
  try {
    await using store = await openStore(join(folder, "objects"));
    const rounds: Costs[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(folder, store.url));
    report(rounds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seconds of processor time, but for `stepSeconds`. */
interface Costs {
  readonly trainStart: number;
  readonly trainStep: number;
  readonly checkpoint: number;
  readonly rerunStart: number;
  readonly rerunStep: number;
  /** Wall time. */
  readonly stepSeconds: number;
}

async function measure(folder: string, store: string): Promise<Costs> {
  const outputDir = join(folder, "out");
  const datasetPath = join(folder, "digits.safetensors");
  await writeDataset(datasetPath, await loadData(parseDataSpec("mnist")));
  const { trainSamples } = await describeDataset(datasetPath);
  if (Math.floor(trainSamples / BATCH_SIZE) !== STEPS_PER_EPOCH) throw new Error(`${trainSamples} samples`);
  const dataset = await upload(store, datasetPath);
  const graph = await readFile(GRAPH, "utf8");
  const job = (epochs: number, checkpointEverySteps: number): TrainingJob => ({
    graph,
    datasetPath: join(folder, "dataset.safetensors"),
    batchSize: BATCH_SIZE,
    epochs,
    seed: "2026",
    checkpointEverySteps,
    outputDir,
    threads: THREADS,
  });
  const data = { cid: dataset, path: join(folder, "dataset.safetensors") };
  const run = (part: Omit<Part, "store">): Promise<Spent> => runIn(folder, { ...part, store });

  const longSteps = LONG_EPOCHS * STEPS_PER_EPOCH;
  const short = await run({ job: job(1, STEPS_PER_EPOCH), inputs: [data] });
  const often = await run({ job: job(1, MANY_CHECKPOINTS_EVERY), inputs: [data] });
  const long = await run({ job: job(LONG_EPOCHS, RERUN.from), inputs: [data] });
  const at = (step: number): string => defined(long.stored.find((one) => one.step === step)?.cid, `step ${step}`);
  const start = { cid: at(RERUN.from), path: join(folder, "start.safetensors") };
  const model = { cid: at(longSteps), path: join(folder, "model.safetensors") };
  const rerun = (toStep: number): Promise<Spent> => {
    const replay = { toStep, withModel: true, modelFrom: model.path };
    return run({
      job: { ...job(LONG_EPOCHS, RERUN.from), resumeFrom: start.path, replay },
      inputs: [data, start, model],
    });
  };
  const shortRerun = await rerun(RERUN.short);
  const longRerun = await rerun(RERUN.long);

  const checkpoint = (often.cpuSeconds - short.cpuSeconds) / (often.stored.length - short.stored.length);
  const more = longSteps - STEPS_PER_EPOCH;
  const unchecked = long.cpuSeconds - checkpoint * (long.stored.length - short.stored.length);
  const trainStep = (unchecked - short.cpuSeconds) / more;
  const rerunStep = (longRerun.cpuSeconds - shortRerun.cpuSeconds) / (RERUN.long - RERUN.short);
  return {
    trainStep,
    trainStart: short.cpuSeconds - trainStep * STEPS_PER_EPOCH,
    checkpoint,
    rerunStep,
    rerunStart: shortRerun.cpuSeconds - rerunStep * (RERUN.short - RERUN.from),
    stepSeconds: (long.loopSeconds - short.loopSeconds) / more,
  };
}

function report(rounds: readonly Costs[]): void {
  const least = (key: keyof Costs): number => Math.min(...rounds.map((round) => round[key]));
  const steps = Math.floor(JOB_SECONDS / least("stepSeconds"));
  const rerunSteps = drawnSteps(steps);
  const training = least("trainStart") + least("trainStep") * steps;
  const rerun = least("rerunStart") + least("rerunStep") * rerunSteps;
  const committing = median(rounds.map((round) => round.checkpoint)) * CHECKPOINTS;
  reportFigure({
    name: "verification: of an honest job of 10 minutes",
    figure: (rerun + committing) / training,
    unit: "of its cost",
    comparison: "at most",
    threshold: MAX_SHARE,
    note:
      `digits CNN, ${steps} steps, by processor time: ${rerun.toFixed(1)} s to run ${rerunSteps} steps again ` +
      `(${least("rerunStart").toFixed(1)} s of it to start) and ${committing.toFixed(1)} s for ${CHECKPOINTS} ` +
      `checkpoints, against ${training.toFixed(0)} s`,
  });
}

/** The longest piece that could be drawn. */
function drawnSteps(totalSteps: number): number {
  const every = Math.ceil(totalSteps / CHECKPOINTS);
  const steps = Array.from({ length: Math.ceil(totalSteps / every) }, (_, index) =>
    Math.min((index + 1) * every, totalSteps),
  );
  const lengths = steps.map((_, index) => {
    const random = (): number => (index + 0.5) / steps.length;
    const { from, to } = drawInterval({ checkpoints: steps, from: 0, totalSteps, random });
    return to - from;
  });
  return Math.max(...lengths);
}

/** Runs a part in a process of its own. What the store spends meanwhile is added. */
async function runIn(folder: string, part: Part): Promise<Spent> {
  const file = join(folder, "part.json");
  await writeFile(file, JSON.stringify(part));
  const before = cpuSeconds();
  const child = fork(import.meta.filename, ["part", file], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [spent] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [Spent | number];
  if (typeof spent === "number") throw new Error(`a part ended with exit code ${spent}`);
  if (child.connected) await once(child, "exit");
  await rm(part.job.outputDir, { recursive: true, force: true });
  return { ...spent, cpuSeconds: spent.cpuSeconds + cpuSeconds() - before };
}

/** In the part's own process: inputs down, training or re-run, outputs up. */
async function runPart({ job, store, inputs }: Part): Promise<void> {
  for (const input of inputs) await download(store, input);
  const { driver } = await selectDriver();
  const stored: { step: number; cid: string }[] = [];
  let uploads = Promise.resolve();
  let startedAt = 0;
  const emit = (event: TrainingEvent): void => {
    if (event.kind === "started") startedAt = performance.now();
    if (event.kind === "failed") throw new Error(event.message);
    if (event.kind === "checkpoint") {
      const { path, step } = event;
      uploads = uploads.then(async () => void stored.push({ step, cid: await upload(store, path) }));
    }
    if (event.kind === "finished") {
      for (const path of [event.onnxPath, event.weightsPath]) {
        uploads = uploads.then(async () => void (await upload(store, path)));
      }
    }
  };
  await train(job, { driver, clock: systemClock, emit, isStopped: () => false });
  const loopSeconds = (performance.now() - startedAt) / 1_000;
  await uploads;
  process.send?.({ cpuSeconds: cpuSeconds(), loopSeconds, stored } satisfies Spent, () => process.exit(0));
}

/** Of this process since its start, all threads. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** The bytes once more, hashed as nodes and server hash every object beside its content id. */
async function* hashed(bytes: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  const sha256 = createHash("sha256");
  for await (const piece of bytes) {
    sha256.update(piece as Buffer);
    yield piece as Buffer;
  }
  sha256.digest();
}

async function upload(store: string, path: string): Promise<string> {
  const { cid } = await unixfsCid(hashed(createReadStream(path)));
  const { size } = await stat(path);
  const init = { method: "POST", body: createReadStream(path) as unknown as RequestInit["body"], duplex: "half" };
  const response = await fetch(store, { ...init, headers: { "content-length": String(size) } } as RequestInit);
  if ((await response.text()) !== cid) throw new Error(`${path} arrived as something else`);
  return cid;
}

async function download(store: string, { cid, path }: Part["inputs"][number]): Promise<void> {
  const response = await fetch(`${store}/${cid}`);
  if (!response.body) throw new Error(`${cid} has no bytes`);
  await writeFile(path, response.body, { flush: true });
  const { cid: found } = await unixfsCid(hashed(createReadStream(path)));
  if (found !== cid) throw new Error(`${cid} came as ${found}`);
}

/** The market's object store behind HTTP. */
async function openStore(folder: string): Promise<AsyncDisposable & { readonly url: string }> {
  const store = await FileObjectStore.open(folder);
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      if (request.method === "POST") {
        const { cid } = await store.put(hashed(request), { maxBytes: MAX_OBJECT_BYTES });
        response.end(cid);
        return;
      }
      for await (const piece of await store.get(parseCid((request.url ?? "").slice(1)))) response.write(piece);
      response.end();
    };
    answer().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
