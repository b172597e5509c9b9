/**
 * A job that was read and checked: settings, graph and data fit each other. Nothing runs yet.
 *
 * It knows every state that is given rather than computed: the initial one, and those of the run's checkpoint files.
 */
import { type CompiledModel, compile, type Graph, parseCyxwiz } from "@cyxwiz/graph";
import { AppError } from "@cyxwiz/primitives";
import { readDataset } from "../dataset/dataset-object.ts";
import type { Dataset } from "../dataset/samples.ts";
import { BACKEND_ERRORS } from "../errors.ts";
import { hashParts } from "../safetensors/safetensors-file.ts";
import { type Checkpoint, checkpointParts, readCheckpoint, runIdentity } from "./checkpoint.ts";
import { initialState } from "./initial-state.ts";
import type { TrainingJob } from "./training-job.ts";
import { checkFit, checkSettings, seedOf, TrainingPlan } from "./training-plan.ts";

export class PreparedJob {
  readonly job: TrainingJob;
  readonly graph: Graph;
  readonly dataset: Dataset;
  /** Compiled for the job's own batch, one update a run. */
  readonly model: CompiledModel;
  readonly plan: TrainingPlan;
  readonly #identity: Readonly<Record<string, string>>;
  readonly #build: string;

  private constructor(job: TrainingJob, graph: Graph, dataset: Dataset, build: string) {
    const { sampleShape } = dataset.description;
    this.job = job;
    this.graph = graph;
    this.dataset = dataset;
    this.model = compile(graph, { batchSize: job.batchSize, sampleShape, stepsPerRun: 1 });
    checkFit(this.model, dataset.description);
    this.plan = new TrainingPlan(job, dataset.train.count);
    this.#identity = runIdentity(job, this.model, dataset.train.count);
    this.#build = build;
  }

  /** @throws AppError with what is wrong with settings, graph or data. */
  static async read(job: TrainingJob, build: string): Promise<PreparedJob> {
    checkSettings(job);
    const graph = parseCyxwiz(job.graph);
    return new PreparedJob(job, graph, await readDataset(job.datasetPath), build);
  }

  get initial(): Checkpoint {
    return { step: 0, state: initialState(this.model, seedOf(this.job)) };
  }

  /** What the run goes on from: `resumeFrom`, else the initial state. */
  async readStart(): Promise<Checkpoint> {
    const { resumeFrom } = this.job;
    return resumeFrom === undefined ? this.initial : this.readCheckpoint(resumeFrom);
  }

  /**
   * A checkpoint of this very run.
   * @throws AppError `backend/checkpoint-mismatch` with the field, `backend/safetensors-malformed`.
   */
  async readCheckpoint(path: string): Promise<Checkpoint> {
    const checkpoint = await readCheckpoint(path, this.model, this.#identity);
    if (checkpoint.step <= this.plan.totalSteps) return checkpoint;
    const context = { field: "step", found: String(checkpoint.step), expected: `at most ${this.plan.totalSteps}` };
    throw new AppError(BACKEND_ERRORS.CHECKPOINT_MISMATCH, context);
  }

  /** The bytes of a checkpoint file of this run and build, in order. */
  checkpointParts(checkpoint: Checkpoint): readonly Uint8Array[] {
    return checkpointParts(this.model, checkpoint, { ...this.#identity, build: this.#build });
  }

  /** SHA-256 of such a file, which is not written. */
  hash(checkpoint: Checkpoint): string {
    return hashParts(this.checkpointParts(checkpoint));
  }
}
