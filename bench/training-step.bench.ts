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
/** Rounds over all of PyTorch's settings before the comparison. */
const SEARCH_ROUNDS = 3;
/** Relative difference of the first losses: float32 sums in another order stay far below it. */
const MAX_LOSS_DIFFERENCE = 5e-5;
const BASELINE = new URL("./baselines/training-step.json", import.meta.url);
const NOT_COVERED = "a Transformer is not possible yet: the catalogue has no attention layer";

interface Baseline {
  readonly measured: string;
  readonly threads: number;
  readonly referenceKernel: string;
  /** PyTorch's steps per second for each GFLOP/s of the reference kernel. */
  readonly torchStepsPerSecondPerGflops: Readonly<Record<string, number>>;
}

type TorchWorkers = Readonly<Record<TorchVariant["waitPolicy"], TorchWorker>>;

interface LiveResult {
  readonly model: BenchModel;
  readonly ratio: number;
  /** The same by processor time. */
  readonly cpuRatio: number;
  readonly ours: number;
  readonly torch: number;
  readonly variant: TorchVariant;
  /** Median over the rounds of PyTorch's rate over the reference kernel's. */
  readonly torchPerGflops: number;
  readonly lossDifference: number;
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

/** First finds PyTorch's best settings, then compares with those. */
async function measureLive(model: BenchModel, workers: TorchWorkers): Promise<LiveResult> {
  await using ours = await EmbeddedTrainer.open(model, THREADS);
  await using kernel = await ReferenceKernel.open(THREADS);
  const variant = await bestVariant(model, workers);
  const windows: { ours: TrainingWindow; torch: TrainingWindow; gflops: number }[] = [];
  const parts = {
    ours: () => ours.window(WINDOW_SECONDS),
    torch: () => torchWindow(model, workers, variant),
    gflops: () => kernel.window(WINDOW_SECONDS / 2),
  };
  for (let round = 0; round < ROUNDS; round++) {
    // In reverse order every second round, so that a slow minute hits all alike.
    if (round % 2 === 0) {
      windows.push({ ours: await parts.ours(), torch: await parts.torch(), gflops: await parts.gflops() });
    } else {
      windows.push({ gflops: await parts.gflops(), torch: await parts.torch(), ours: await parts.ours() });
    }
  }
  const [first] = windows;
  return {
    model,
    variant,
    ours: median(windows.map((window) => rateOf(window.ours))),
    torch: median(windows.map((window) => rateOf(window.torch))),
    ratio: median(windows.map((window) => rateOf(window.ours) / rateOf(window.torch))),
    cpuRatio: median(windows.map((window) => cpuRateOf(window.ours) / cpuRateOf(window.torch))),
    torchPerGflops: median(windows.map((window) => rateOf(window.torch) / window.gflops)),
    lossDifference: Math.abs((first?.ours.losses[0] ?? Number.NaN) / (first?.torch.losses[0] ?? Number.NaN) - 1),
  };
}

async function bestVariant(model: BenchModel, workers: TorchWorkers): Promise<TorchVariant> {
  const rates = new Map<TorchVariant, number[]>(variantsOf(model).map((variant) => [variant, []]));
  for (let round = 0; round < SEARCH_ROUNDS; round++) {
    for (const [variant, of] of rates) of.push(rateOf(await torchWindow(model, workers, variant)));
  }
  const [best] = [...rates].toSorted(([, a], [, b]) => median(b) - median(a));
  return best?.[0] ?? { waitPolicy: "passive", layout: "contiguous" };
}

async function torchWindow(model: BenchModel, workers: TorchWorkers, variant: TorchVariant): Promise<TrainingWindow> {
  const { waitPolicy, layout } = variant;
  return await workers[waitPolicy].window({ model: model.id, layout, seconds: WINDOW_SECONDS });
}

function rateOf({ steps, seconds }: TrainingWindow): number {
  return steps / seconds;
}

/** Steps per second of processor time: steadier than wall time where others use the machine. */
function cpuRateOf({ steps, cpuSeconds }: TrainingWindow): number {
  return steps / cpuSeconds;
}

/** What is tried of PyTorch's settings; the fastest counts. */
function variantsOf({ compiled }: BenchModel): readonly TorchVariant[] {
  const layouts =
    compiled.sampleShape.length === 3 ? (["contiguous", "channels_last"] as const) : (["contiguous"] as const);
  return (["passive", "active"] as const).flatMap((waitPolicy) => layouts.map((layout) => ({ waitPolicy, layout })));
}

function reportLive(result: LiveResult, version: string): void {
  const { model, ratio, cpuRatio, ours, torch, variant, lossDifference } = result;
  reportFigure({
    name: `training step: ${model.title}`,
    figure: ratio,
    unit: "× PyTorch",
    comparison: "at least",
    threshold: model.bar,
    note:
      `live: ${ours.toFixed(1)} against ${torch.toFixed(1)} steps/s of PyTorch ${version} ` +
      `(${variant.layout}, OpenMP ${variant.waitPolicy}), ${THREADS} threads, ` +
      `${cpuRatio.toFixed(2)} by processor time; ${NOT_COVERED}`,
  });
  reportFigure({
    name: `training step: first loss, ${model.id}`,
    figure: lossDifference,
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
    const perGflops: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const rate = rateOf(await ours.window(WINDOW_SECONDS));
      rates.push(rate);
      perGflops.push(rate / (await kernel.window(WINDOW_SECONDS / 2)));
    }
    reportFigure({
      name: `training step: ${model.title}`,
      figure: median(perGflops) / (baseline.torchStepsPerSecondPerGflops[model.id] ?? Number.NaN),
      unit: "× PyTorch",
      comparison: "at least",
      threshold: model.bar,
      note:
        `baseline file (set CYXWIZ_TORCH_PYTHON for a live run): ${median(rates).toFixed(1)} steps/s; ` +
        `${baseline.measured}; ${NOT_COVERED}`,
    });
  }
}

function writeBaseline(results: readonly LiveResult[], version: string): void {
  const baseline: Baseline = {
    measured: `PyTorch ${version} on ${cpus()[0]?.model.trim() ?? "an unknown CPU"}, ${new Date().toISOString().slice(0, 10)}`,
    threads: THREADS,
    referenceKernel: ReferenceKernel.description,
    torchStepsPerSecondPerGflops: Object.fromEntries(
      results.map(({ model, torchPerGflops }) => [model.id, Number(torchPerGflops.toPrecision(4))]),
    ),
  };
  writeFileSync(BASELINE, `${JSON.stringify(baseline, undefined, 2)}\n`);
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
