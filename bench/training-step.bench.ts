/**
 * Benchmark of a training step: the embedded driver against best-tuned PyTorch on the same threads and the same batches.
 *
 * With CYXWIZ_TORCH_PYTHON (a Python that has PyTorch) both run here, in windows that take turns; without it our rate is
 * set against PyTorch's in `baselines/training-step.json`, through a reference kernel measured on both machines. Exits 1
 * below a bar. `--write-baseline` renews the file from a live run.
 *
 * Run: npm run bench -- training-step
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { median, reportFigure } from "./figure.ts";
import { EmbeddedTrainer, ReferenceKernel } from "./training/embedded-trainer.ts";
import { TorchWorker, type TorchVariant } from "./training/torch-worker.ts";
import type { TrainingWindow } from "./training/training-window.ts";
import { BATCHES, benchData, benchModels, benchState, type BenchModel } from "./training-models.ts";

const THREADS = 2;
const WINDOW_SECONDS = 0.7;
const ROUNDS = 9;
/** Rounds over PyTorch's memory layouts before the comparison. */
const SEARCH_ROUNDS = 3;
/** Relative difference of the first losses: float32 sums in another order stay far below it. */
const MAX_LOSS_DIFFERENCE = 5e-5;
const BASELINE = new URL("./baselines/training-step.json", import.meta.url);
const NOT_COVERED = "a Transformer is not possible yet: the catalogue has no attention layer";

interface Baseline {
  readonly measured: string;
  readonly threads: number;
  readonly referenceKernel: string;
  /** PyTorch's steps for each GFLOP of the reference kernel, both by processor time. */
  readonly torchStepsPerGflop: Readonly<Record<string, number>>;
}

type WaitPolicy = TorchVariant["waitPolicy"];
type TorchWorkers = Readonly<Record<WaitPolicy, TorchWorker>>;

/** Windows that took turns. */
interface Round {
  readonly ours: TrainingWindow;
  readonly torch: Readonly<Record<WaitPolicy, TrainingWindow>>;
  /** Of the reference kernel, per second of processor time. */
  readonly gflops: number;
}

interface LiveResult {
  readonly model: BenchModel;
  readonly rounds: readonly Round[];
  /** PyTorch's faster settings. */
  readonly best: TorchVariant;
}

const python = process.env["CYXWIZ_TORCH_PYTHON"];
if (python === undefined || python === "") await compareWithBaseline();
else await compareLive(python);

async function compareLive(python: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cyxwiz-bench-"));
  try {
    const models = benchModels();
    writeTasks(folder, models);
    using passive = await TorchWorker.start({ python, folder, threads: THREADS, waitPolicy: "passive" });
    using active = await TorchWorker.start({ python, folder, threads: THREADS, waitPolicy: "active" });
    const results: LiveResult[] = [];
    for (const model of models) {
      const result = await measureLive(model, { passive, active });
      results.push(result);
      reportLive(result, passive.version);
    }
    if (process.argv.includes("--write-baseline")) writeBaseline(results, passive.version);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** First finds PyTorch's best layout, then compares with that under both ways of waiting; the faster one counts. */
async function measureLive(model: BenchModel, workers: TorchWorkers): Promise<LiveResult> {
  await using ours = await EmbeddedTrainer.open(model, THREADS);
  await using kernel = await ReferenceKernel.open(THREADS);
  const layout = await bestLayout(model, workers.passive);
  const torch = (waitPolicy: WaitPolicy): Promise<TrainingWindow> =>
    workers[waitPolicy].window({ model: model.id, layout, seconds: WINDOW_SECONDS });
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // In another order every second round, so that a slow minute hits all alike.
    const active = round % 2 === 0 ? undefined : await torch("active");
    const gflops = await kernel.window(WINDOW_SECONDS / 2);
    const mine = await ours.window(WINDOW_SECONDS);
    const passive = await torch("passive");
    rounds.push({ ours: mine, gflops, torch: { passive, active: active ?? (await torch("active")) } });
  }
  const medianOf = (policy: WaitPolicy): number => median(rounds.map((round) => rateOf(round.torch[policy])));
  const waitPolicy = medianOf("active") > medianOf("passive") ? "active" : "passive";
  return { model, rounds, best: { waitPolicy, layout } };
}

async function bestLayout(model: BenchModel, worker: TorchWorker): Promise<TorchVariant["layout"]> {
  if (model.compiled.sampleShape.length !== 3) return "contiguous";
  const rates = { contiguous: [] as number[], channels_last: [] as number[] };
  for (let round = 0; round < SEARCH_ROUNDS; round++) {
    for (const layout of ["contiguous", "channels_last"] as const) {
      rates[layout].push(rateOf(await worker.window({ model: model.id, layout, seconds: WINDOW_SECONDS })));
    }
  }
  return median(rates.channels_last) > median(rates.contiguous) ? "channels_last" : "contiguous";
}

function rateOf({ steps, seconds }: TrainingWindow): number {
  return steps / seconds;
}

/** Steps per second of processor time: steadier than wall time where others use the machine. */
function cpuRateOf({ steps, cpuSeconds }: TrainingWindow): number {
  return steps / cpuSeconds;
}

function reportLive({ model, rounds, best }: LiveResult, version: string): void {
  const pairs = rounds.map(({ ours, torch }) => ({ ours, torch: torch[best.waitPolicy] }));
  const rates = pairs.map(({ ours, torch }) => [rateOf(ours), rateOf(torch)] as const);
  const byProcessor = rounds.map(({ ours, torch }) => cpuRateOf(ours) / cpuRateOf(torch.passive));
  const [first] = pairs;
  reportFigure({
    name: `training step: ${model.title}`,
    figure: median(rates.map(([ours, torch]) => ours / torch)),
    unit: "× PyTorch",
    comparison: "at least",
    threshold: model.bar,
    note:
      `live: ${median(rates.map(([ours]) => ours)).toFixed(1)} against ${median(rates.map(([, torch]) => torch)).toFixed(1)} ` +
      `steps/s of PyTorch ${version} (${best.layout}, OpenMP ${best.waitPolicy}), ${THREADS} threads; ` +
      `${median(byProcessor).toFixed(2)} by processor time; ${NOT_COVERED}`,
  });
  reportFigure({
    name: `training step: first loss, ${model.id}`,
    figure: Math.abs((first?.ours.losses[0] ?? Number.NaN) / (first?.torch.losses[0] ?? Number.NaN) - 1),
    unit: "rel. difference",
    comparison: "at most",
    threshold: MAX_LOSS_DIFFERENCE,
    note: "against PyTorch, from the same weights and batch",
  });
}

async function compareWithBaseline(): Promise<void> {
  const baseline = JSON.parse(readFileSync(BASELINE, "utf8")) as Baseline;
  for (const model of benchModels()) {
    await using ours = await EmbeddedTrainer.open(model, THREADS);
    await using kernel = await ReferenceKernel.open(THREADS);
    const rates: number[] = [];
    const gflops: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rates.push(cpuRateOf(await ours.window(WINDOW_SECONDS)));
      gflops.push(await kernel.window(WINDOW_SECONDS / 2));
    }
    reportFigure({
      name: `training step: ${model.title}`,
      figure: stepsPerGflop(rates, gflops) / (baseline.torchStepsPerGflop[model.id] ?? Number.NaN),
      unit: "× PyTorch",
      comparison: "at least",
      threshold: model.bar,
      note:
        `by processor time, against the baseline file (${baseline.measured}); ` +
        `set CYXWIZ_TORCH_PYTHON for a live run; ${NOT_COVERED}`,
    });
  }
}

function writeBaseline(results: readonly LiveResult[], version: string): void {
  const baseline: Baseline = {
    measured: `PyTorch ${version} on ${cpus()[0]?.model.trim() ?? "an unknown CPU"}, ${new Date().toISOString().slice(0, 10)}`,
    threads: THREADS,
    referenceKernel: ReferenceKernel.description,
    torchStepsPerGflop: Object.fromEntries(results.map(({ model, rounds }) => [model.id, torchPerGflop(rounds)])),
  };
  writeFileSync(BASELINE, `${JSON.stringify(baseline, undefined, 2)}\n`);
}

function torchPerGflop(rounds: readonly Round[]): number {
  const torch = rounds.map((round) => cpuRateOf(round.torch.passive));
  return Number(
    stepsPerGflop(
      torch,
      rounds.map((round) => round.gflops),
    ).toPrecision(4),
  );
}

/** From the best windows of each: whatever else runs on a machine can only slow a window down. */
function stepsPerGflop(rates: readonly number[], gflops: readonly number[]): number {
  return Math.max(...rates) / Math.max(...gflops);
}

/** Hands the networks to PyTorch: see `torch/training_step.py`. */
function writeTasks(folder: string, models: readonly BenchModel[]): void {
  const tasks = models.map(({ id, compiled }) => ({
    id,
    weights: compiled.state.filter(({ role }) => role === "weight").map(({ shape }) => shape),
    batches: BATCHES,
    batchSize: compiled.batchSize,
    sampleShape: compiled.sampleShape,
  }));
  writeFileSync(join(folder, "models.json"), JSON.stringify(tasks));
  for (const { id, compiled } of models) {
    const state = benchState(compiled);
    const { xs, ys } = benchData(compiled);
    const weights = compiled.state
      .filter(({ role }) => role === "weight")
      .map(({ name }) => state.get(name) ?? new Float32Array());
    const parts = [...weights, xs, ys].map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
    writeFileSync(join(folder, `${id}.bin`), Buffer.concat(parts));
  }
}
