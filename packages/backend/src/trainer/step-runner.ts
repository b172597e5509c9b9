/**
 * Runs updates of a graph on a driver, several at a time once their speed is known.
 *
 * Two sessions share one state: single updates, for the first measurement and for the remainder before a stop, and K
 * updates for everything else. Which one ran an update changes no bit of the result.
 */
import { type CompiledModel, compile, type Graph } from "@cyxwiz/graph";
import type { Clock } from "@cyxwiz/platform";
import { defined } from "@cyxwiz/primitives";
import { elements } from "../dataset/samples.ts";
import type { RunInputs, RunResult, StateTensors, TrainingDriver, TrainingSession } from "../driver/training-driver.ts";
import { RUN_INPUT_BYTES, STEPS_PER_RUN, TARGET_RUN_MS, TIMED_STEPS } from "../limits.ts";

export interface StepRunnerOptions {
  readonly driver: TrainingDriver;
  readonly threads: number;
  readonly clock: Clock;
  /** Steps of the stretches between stops: a run length that divides them leaves no single updates over. */
  readonly stretches: readonly number[];
  readonly updatesPerStep: number;
}

export class StepRunner implements AsyncDisposable {
  readonly single: CompiledModel;
  readonly #graph: Graph;
  readonly #options: StepRunnerOptions;
  readonly #singleSession: TrainingSession;
  #many: { readonly model: CompiledModel; readonly session: TrainingSession } | undefined;
  /** Where the state is. */
  #current: TrainingSession;
  readonly #timings: number[] = [];

  private constructor(graph: Graph, single: CompiledModel, session: TrainingSession, options: StepRunnerOptions) {
    this.#graph = graph;
    this.single = single;
    this.#singleSession = session;
    this.#current = session;
    this.#options = options;
  }

  static async open(graph: Graph, single: CompiledModel, options: StepRunnerOptions): Promise<StepRunner> {
    const session = await options.driver.open(single, { threads: options.threads });
    return new StepRunner(graph, single, session, options);
  }

  /** Runs at most `available` updates. `inputsFor` gives the inputs of as many updates as the model asks for. */
  async run(available: number, inputsFor: (model: CompiledModel) => RunInputs): Promise<RunResult> {
    const many = this.#many;
    if (many && available >= many.model.train.stepsPerRun) {
      await this.#moveStateTo(many.session);
      return many.session.run(inputsFor(many.model));
    }
    await this.#moveStateTo(this.#singleSession);
    const start = this.#options.clock.monotonic();
    const result = await this.#singleSession.run(inputsFor(this.single));
    if (this.#timings.length < TIMED_STEPS) {
      this.#timings.push(this.#options.clock.monotonic() - start);
      if (this.#timings.length === TIMED_STEPS) await this.#openMany(Math.min(...this.#timings));
    }
    return result;
  }

  predict(x: Float32Array, samples: number): Promise<Float32Array> {
    return this.#current.predict(x, samples);
  }

  readState(): Promise<StateTensors> {
    return this.#current.readState();
  }

  writeState(state: StateTensors): Promise<void> {
    return this.#current.writeState(state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#singleSession[Symbol.asyncDispose]();
    await this.#many?.session[Symbol.asyncDispose]();
  }

  async #openMany(updateMs: number): Promise<void> {
    const updates = runLength(updateMs, inputBytes(this.single), this.#options);
    if (updates === 1) return;
    const { batchSize, sampleShape } = this.single;
    const model = compile(this.#graph, { batchSize, sampleShape, stepsPerRun: updates });
    const session = await this.#options.driver.open(model, { threads: this.#options.threads });
    this.#many = { model, session };
  }

  async #moveStateTo(session: TrainingSession): Promise<void> {
    if (session === this.#current) return;
    await session.writeState(await this.#current.readState());
    this.#current = session;
  }
}

/**
 * Updates of one run: as many as take TARGET_RUN_MS within the caps, and of those in the upper half the number that leaves
 * the fewest single updates before each stop. They are whole steps, or where even one step is too many, a part of one.
 */
export function runLength(
  updateMs: number,
  bytesPerUpdate: number,
  { stretches, updatesPerStep }: Pick<StepRunnerOptions, "stretches" | "updatesPerStep">,
): number {
  const byTime = Math.floor(TARGET_RUN_MS / Math.max(updateMs, 0.01));
  const byBytes = Math.floor(RUN_INPUT_BYTES / bytesPerUpdate);
  const longest = Math.min(...stretches) * updatesPerStep;
  const most = Math.max(1, Math.min(byTime, STEPS_PER_RUN, byBytes, longest));
  const unit = most < updatesPerStep ? 1 : updatesPerStep;
  const stops = most < updatesPerStep ? [updatesPerStep] : stretches.map((steps) => steps * updatesPerStep);
  const units = Math.floor(most / unit);
  const candidates = Array.from({ length: units - Math.ceil(units / 2) + 1 }, (_, i) => (units - i) * unit);
  const rest = (updates: number): number => stops.reduce((sum, stop) => sum + (stop % updates), 0);
  return defined(candidates.toSorted((a, b) => rest(a) - rest(b) || b - a)[0], "a run length");
}

function inputBytes({ batchSize, sampleShape, train }: CompiledModel): number {
  const masks = train.dropout.reduce((sum, { shape }) => sum + elements(shape), 0);
  return 4 * batchSize * (elements(sampleShape) + masks + 2);
}
