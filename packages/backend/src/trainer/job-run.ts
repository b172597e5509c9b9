/**
 * Makes the steps of a job and applies its changes, for trainings and replays alike, so that both are one computation.
 *
 * It knows nothing of events and writes no file.
 */
import { type CompiledModel, compile } from "@cyxwiz/graph";
import { AppError } from "@cyxwiz/primitives";
import { BatchSource } from "../dataset/batch-source.ts";
import type { StateTensors } from "../driver/training-driver.ts";
import { BACKEND_ERRORS } from "../errors.ts";
import { ChangeSchedule } from "./change-schedule.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { RunFeeder } from "./run-feeder.ts";
import { StepRunner } from "./step-runner.ts";
import { type StepResults, StepTally } from "./step-tally.ts";
import type { TrainerContext } from "./trainer-context.ts";
import type { TrainingChange } from "./training-job.ts";
import { checkReplay, seedOf } from "./training-plan.ts";

export class JobRun implements AsyncDisposable {
  readonly firstStep: number;
  readonly #prepared: PreparedJob;
  readonly #context: TrainerContext;
  readonly #schedule: ChangeSchedule;
  readonly #feeder: RunFeeder;
  #runner: StepRunner;
  #step: number;

  private constructor(prepared: PreparedJob, context: TrainerContext, start: RunStart) {
    const { dataset, job, plan } = prepared;
    this.#prepared = prepared;
    this.#context = context;
    this.#schedule = start.schedule;
    this.#runner = start.runner;
    this.#step = start.step;
    this.firstStep = start.step + 1;
    this.#feeder = new RunFeeder(new BatchSource(dataset.train, dataset.description.scaling), plan, seedOf(job));
  }

  /** Opens the sessions with the state that the run goes on from, and with the changes that came before it. */
  static async open(prepared: PreparedJob, context: TrainerContext): Promise<JobRun> {
    const { job, model, plan } = prepared;
    const { batchSize, learningRate = model.defaultLearningRate } = job;
    const schedule = new ChangeSchedule({ batchSize, learningRate }, job.changes);
    const { step, state } = await prepared.readStart();
    if (job.replay) checkReplay(job, job.replay.toStep, { from: step, last: plan.totalSteps });
    schedule.begin(step);
    const runner = await openRunner(prepared, context, schedule);
    await runner.writeState(state);
    return new JobRun(prepared, context, { step, schedule, runner });
  }

  /** The last finished step. */
  get step(): number {
    return this.#step;
  }

  /** True once a change has ended the training. */
  get isEnded(): boolean {
    return this.#schedule.isEnd;
  }

  /** Puts those changes into effect whose turn it is after the last finished step, and gives them. New ones come last. */
  async applyChanges(added: readonly TrainingChange[] = []): Promise<readonly TrainingChange[]> {
    this.#schedule.add(added);
    const applied = this.#schedule.takeAt(this.#step);
    if (this.#schedule.batchSize !== this.#runner.single.batchSize) {
      const runner = await openRunner(this.#prepared, this.#context, this.#schedule);
      await runner.writeState(await this.#runner.readState());
      await this.#runner[Symbol.asyncDispose]();
      this.#runner = runner;
    }
    return applied;
  }

  /**
   * One run of whole steps, at most up to the end of step `last`, to the next stop or to the next change.
   * @throws AppError `backend/loss-not-finite` with the step, `backend/driver-failed`, `backend/memory-exceeded`.
   */
  async advance(last: number): Promise<StepResults> {
    const { plan } = this.#prepared;
    const steps = plan.stepsUntilStop(this.#step, Math.min(last, this.#schedule.nextStep) - this.#step);
    const { updatesPerStep, learningRate } = this.#schedule;
    const tally = new StepTally(updatesPerStep);
    do {
      const step = this.#step + 1;
      const { part } = tally;
      const update = this.#schedule.updatesAt(this.#step) + part + 1;
      const available = part > 0 ? updatesPerStep - part : steps * updatesPerStep;
      const place = { step, part, update, learningRate };
      const bad = tally.take(await this.#runner.run(available, (model) => this.#feeder.inputs(model, place)));
      if (bad !== undefined) throw new AppError(BACKEND_ERRORS.LOSS_NOT_FINITE, { step: step + bad });
    } while (tally.part > 0);
    this.#step += tally.steps;
    this.#checkMemory();
    return tally.results;
  }

  predict(x: Float32Array, samples: number): Promise<Float32Array> {
    return this.#runner.predict(x, samples);
  }

  readState(): Promise<StateTensors> {
    return this.#runner.readState();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#runner[Symbol.asyncDispose]();
  }

  #checkMemory(): void {
    const { memory } = this.#context;
    if (!memory) return;
    const usedBytes = memory.usedBytes();
    if (usedBytes > memory.limitBytes) {
      throw new AppError(BACKEND_ERRORS.MEMORY_EXCEEDED, { usedBytes, limitBytes: memory.limitBytes });
    }
  }
}

interface RunStart {
  readonly step: number;
  readonly schedule: ChangeSchedule;
  readonly runner: StepRunner;
}

/** Sessions for the batch in force; they have no state yet. */
async function openRunner(
  { graph, model, job, plan }: PreparedJob,
  { driver, clock }: TrainerContext,
  { batchSize, updatesPerStep }: ChangeSchedule,
): Promise<StepRunner> {
  const { sampleShape } = model;
  const single: CompiledModel =
    updatesPerStep === 1 ? model : compile(graph, { batchSize, sampleShape, stepsPerRun: 1 });
  const stretches = [plan.stepsPerEpoch, Math.min(plan.checkpointEverySteps, plan.totalSteps)];
  return StepRunner.open(graph, single, { driver, clock, threads: job.threads, stretches, updatesPerStep });
}
