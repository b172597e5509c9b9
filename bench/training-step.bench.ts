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
import { BATCHES, benchData, benchModels, benchState, type BenchModel } from "./training-models.ts";

const THREADS = 2;
const WINDOW_SECONDS = 0.7;
const ROUNDS = 9;
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

interface LiveResult {
  readonly model: BenchModel;
  readonly ratio: number;
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

/** Windows take turns, in reverse order every second round, so that a slow minute hits all alike. */
async function measureLive(
  model: BenchModel,
  workers: Readonly<Record<TorchVariant["waitPolicy"], TorchWorker>>,
): Promise<LiveResult> {
  await using ours = await EmbeddedTrainer.open(model, THREADS);
  await using kernel = await ReferenceKernel.open(THREADS);
  const rates = { ours: [] as number[], gflops: [] as number[], torch: variantsOf(model).map((): number[] => []) };
  let [ourLosses, torchLosses]: [readonly number[], readonly number[]] = [[], []];
  const parts: (() => Promise<void>)[] = [
    async () => {
      const { steps, seconds, losses } = await ours.window(WINDOW_SECONDS);
      rates.ours.push(steps / seconds);
      ourLosses = losses;
    },
    async () => {
      rates.gflops.push(await kernel.window(WINDOW_SECONDS / 2));
    },
    ...variantsOf(model).map(({ waitPolicy, layout }, index) => async (): Promise<void> => {
      const { steps, seconds, losses } = await workers[waitPolicy].window({
        model: model.id,
        layout,
        seconds: WINDOW_SECONDS,
      });
      rates.torch[index]?.push(steps / seconds);
      torchLosses = losses;
    }),
  ];
  for (let round = 0; round < ROUNDS; round++) {
    for (const part of round % 2 === 0 ? parts : parts.toReversed()) await part();
  }
  const best = indexOfLargest(rates.torch.map(median));
  const torch = rates.torch[best] ?? [];
  return {
    model,
    ours: median(rates.ours),
    torch: median(torch),
    ratio: median(rates.ours.map((rate, round) => rate / (torch[round] ?? Number.NaN))),
    torchPerGflops: median(torch.map((rate, round) => rate / (rates.gflops[round] ?? Number.NaN))),
    variant: variantsOf(model)[best] ?? { waitPolicy: "passive", layout: "contiguous" },
    lossDifference: Math.abs((ourLosses[0] ?? Number.NaN) / (torchLosses[0] ?? Number.NaN) - 1),
  };
}

/** What is tried of PyTorch's settings; the fastest counts. */
function variantsOf({ compiled }: BenchModel): readonly TorchVariant[] {
  const layouts = compiled.sampleShape.length === 3 ? (["contiguous", "channels_last"] as const) : (["contiguous"] as const);
  return (["passive", "active"] as const).flatMap((waitPolicy) => layouts.map((layout) => ({ waitPolicy, layout })));
}

function reportLive({ model, ratio, ours, torch, variant, lossDifference }: LiveResult, version: string): void {
  reportFigure({
    name: `training step: ${model.title}`,
    figure: ratio,
    unit: "× PyTorch",
    comparison: "at least",
    threshold: model.bar,
    note:
      `live: ${ours.toFixed(1)} against ${torch.toFixed(1)} steps/s of PyTorch ${version} ` +
      `(${variant.layout}, OpenMP ${variant.waitPolicy}), ${THREADS} threads; ${NOT_COVERED}`,
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
      const { steps, seconds } = await ours.window(WINDOW_SECONDS);
      rates.push(steps / seconds);
      perGflops.push(steps / seconds / (await kernel.window(WINDOW_SECONDS / 2)));
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

function indexOfLargest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
