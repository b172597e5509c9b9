/** Our side of the training-step benchmark: the embedded driver, one timed window at a time, and a reference kernel. */
import { loadOrtNode, type RunInputs, type TrainingSession } from "@cyxwiz/backend";
import { compile, sequential } from "@cyxwiz/graph";
import type { TrainingWindow } from "./training-window.ts";
import { BATCHES, benchData, benchState, LEARNING_RATE, type BenchModel } from "../training-models.ts";

/** Edge of the reference kernel's matrices. */
const SIZE = 1024;

export class EmbeddedTrainer implements AsyncDisposable {
  readonly #model: BenchModel;
  readonly #session: TrainingSession;
  readonly #batches: ReturnType<typeof benchData>;
  readonly #start: ReturnType<typeof benchState>;

  private constructor(model: BenchModel, session: TrainingSession) {
    this.#model = model;
    this.#session = session;
    this.#batches = benchData(model.compiled);
    this.#start = benchState(model.compiled);
  }

  static async open(model: BenchModel, threads: number): Promise<EmbeddedTrainer> {
    const driver = await loadOrtNode();
    return new EmbeddedTrainer(model, await driver.open(model.compiled, { threads }));
  }

  /** Trains from the start for about that long; the first run is not timed. */
  async window(seconds: number): Promise<TrainingWindow> {
    const { stepsPerRun } = this.#model.compiled.train;
    await this.#session.writeState(this.#start);
    const { losses } = await this.#session.run(this.#inputs(0));
    let steps = 0;
    const cpuBefore = process.cpuUsage();
    const begin = performance.now();
    let elapsed = 0;
    while (elapsed < seconds) {
      steps += stepsPerRun;
      await this.#session.run(this.#inputs(steps));
      elapsed = (performance.now() - begin) / 1000;
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    return { steps, seconds: elapsed, cpuSeconds: (user + system) / 1e6, losses: [...losses] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  /** The batches and scalars of the run that follows `done` steps. */
  #inputs(done: number): RunInputs {
    const { train, batchSize, sampleShape, scalarsAt } = this.#model.compiled;
    const size = sampleShape.reduce((product, extent) => product * extent, batchSize);
    const first = done % BATCHES;
    const steps = Array.from({ length: train.stepsPerRun }, (_, step) => scalarsAt(done + step + 1, LEARNING_RATE));
    return {
      xs: this.#batches.xs.subarray(first * size, (first + train.stepsPerRun) * size),
      ys: this.#batches.ys.subarray(first * batchSize, (first + train.stepsPerRun) * batchSize),
      scalars: train.scalarNames.map((_, index) => Float32Array.from(steps, (values) => values[index] ?? Number.NaN)),
      masks: [],
    };
  }
}

/** What one processor does on plain matrices: the yardstick between this machine and the one of the baseline. */
export class ReferenceKernel implements AsyncDisposable {
  static readonly description = "float32 product of 1024 × 1024 matrices in the embedded runtime";
  readonly #session: TrainingSession;
  readonly #x = new Float32Array(SIZE * SIZE).fill(0.5);

  private constructor(session: TrainingSession) {
    this.#session = session;
  }

  static async open(threads: number): Promise<ReferenceKernel> {
    const graph = sequential("reference", [
      ["Dense", { units: SIZE, bias: false }],
      ["Output", { classes: SIZE }],
      ["CrossEntropyLoss"],
      ["SGD"],
    ]);
    const model = compile(graph, { batchSize: 1, sampleShape: [SIZE], stepsPerRun: 1 });
    const session = await (await loadOrtNode()).open(model, { threads });
    await session.writeState(benchState(model));
    return new ReferenceKernel(session);
  }

  /** GFLOP per second of processor time, over about that long. */
  async window(seconds: number): Promise<number> {
    await this.#session.predict(this.#x, SIZE);
    let count = 0;
    const cpuBefore = process.cpuUsage();
    const end = performance.now() + 1000 * seconds;
    while (performance.now() < end) {
      await this.#session.predict(this.#x, SIZE);
      count++;
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    return (2 * SIZE ** 3 * count) / (user + system) / 1e3;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}
