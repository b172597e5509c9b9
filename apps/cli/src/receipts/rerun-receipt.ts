/**
 * Runs a part of a receipt's job again on this machine and compares what comes out with the checkpoint chain.
 *
 * On the lowering, build and hardware class that computed it the bits must be equal; it is run with as many threads as it
 * was, whatever this machine has. On another build or class the end of the drawn interval is compared by its distance
 * from the claimed state, and the model is made again of that state, as the market's own re-runs do. Everything that is
 * run comes from files whose content the chain names, so it does not matter where they were found.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainingChange, TrainingEvent, TrainingJob } from "@cyxwiz/backend";
import { AppError, defined } from "@cyxwiz/primitives";
import { PLAUSIBLE_DISTANCE, type RerunOutcome } from "@cyxwiz/receipt";
import { CLI_ERRORS } from "../errors.ts";
import { nameFile } from "../client/content.ts";
import type { WantedFile } from "./find-files.ts";
import { machineText, type MachineClass, type RerunMachine } from "./rerun-machine.ts";
import { checkpointFile, inputsOf, type RerunPlan } from "./rerun-plan.ts";

export interface RerunOptions {
  readonly machine: RerunMachine;
  /** Gives the path of each file; downloads may be put into `folder`, which goes when the re-run is over. */
  readonly gather: (wanted: readonly WantedFile[], folder: string) => Promise<ReadonlyMap<WantedFile, string>>;
  /** Told the last finished step. */
  readonly onProgress: (step: number) => void;
  readonly onNotice: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface RerunResult {
  readonly scope: RerunPlan["scope"];
  /** Steps `from` + 1 to `to` were run again. */
  readonly from: number;
  readonly to: number;
  readonly outcome: RerunOutcome;
  /** Across classes only. */
  readonly distance: number | null;
  /** How many hashes of the chain were compared. */
  readonly compared: number;
  /** What was another one, in words. A re-run ends at the first. */
  readonly differing: readonly string[];
  readonly machine: MachineClass;
}

/**
 * @throws AppError `cli/rerun-not-comparable`, `cli/rerun-failed`, and those of `gather`.
 */
export async function rerunReceipt(plan: RerunPlan, options: RerunOptions): Promise<RerunResult> {
  const mode = modeOf(plan, options.machine.of);
  const folder = await mkdtemp(join(tmpdir(), "cyxwiz-rerun-"));
  try {
    const { graph, dataset, start } = inputsOf(plan);
    const claim = mode === "distance" && plan.end ? checkpointFile(plan.end) : undefined;
    const wanted = [graph, dataset, start, claim].filter((file) => file !== undefined);
    const paths = await options.gather(wanted, folder);
    const pathOf = (file: WantedFile): string => defined(paths.get(file), `the path of ${file.what}`);
    const job: TrainingJob = {
      ...settingsOf(plan),
      graph: await readFile(pathOf(graph), "utf8"),
      datasetPath: pathOf(dataset),
      outputDir: join(folder, "out"),
      // Steps that left no segment failed before their first commit; with how many threads, nobody says.
      threads: plan.segments.at(-1)?.threads ?? availableParallelism(),
      ...(start && { resumeFrom: pathOf(start) }),
      ...(plan.scope === "interval" && {
        replay: {
          toStep: plan.to,
          withModel: plan.result !== undefined,
          ...(claim && { claim: pathOf(claim) }),
          ...(claim && plan.result && { modelFrom: pathOf(claim) }),
        },
      }),
    };
    return await runAndCompare(plan, job, mode, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Mode = "exact" | "distance";
type Replayed = Extract<TrainingEvent, { readonly kind: "replayed" }>;

/** @throws AppError `cli/rerun-not-comparable`. */
function modeOf(plan: RerunPlan, here: MachineClass): Mode {
  const other = plan.segments.find(
    ({ lowering, build, hardware_class }) =>
      lowering !== here.lowering || build !== here.build || hardware_class !== here.hardware_class,
  );
  const threads = [...new Set(plan.segments.map((segment) => segment.threads))];
  if (!other && threads.length <= 1) return "exact";
  const theirs = `${machineText(other ?? here)}, with ${threads.join(" and ")} threads`;
  const context = { theirs, here: machineText(here) };
  if (other && other.lowering !== here.lowering) {
    const reason = "a state of one lowering is none of another";
    throw new AppError(CLI_ERRORS.RERUN_NOT_COMPARABLE, { ...context, reason });
  }
  if (plan.scope === "all") {
    const reason = other
      ? "the drawn interval can be compared by its distance: --rerun interval"
      : "one run has one number of threads, as the drawn interval has: --rerun interval";
    throw new AppError(CLI_ERRORS.RERUN_NOT_COMPARABLE, { ...context, reason });
  }
  return "distance";
}

function settingsOf({
  run,
  changes,
  to,
  scope,
}: RerunPlan): Pick<
  TrainingJob,
  "batchSize" | "epochs" | "seed" | "learningRate" | "checkpointEverySteps" | "changes"
> {
  // A job that ended early is one that was stopped there, whatever ended it.
  const stop: TrainingChange[] = scope === "all" && to < run.total_steps ? [{ id: "stop", step: to, stop: true }] : [];
  return {
    batchSize: run.batch_size,
    epochs: run.epochs,
    seed: run.seed,
    ...(run.learning_rate !== null && { learningRate: run.learning_rate }),
    checkpointEverySteps: run.checkpoint_every_steps,
    changes: [...changes, ...stop],
  };
}

async function runAndCompare(
  plan: RerunPlan,
  job: TrainingJob,
  mode: Mode,
  options: RerunOptions,
): Promise<RerunResult> {
  const { machine, onNotice, signal } = options;
  const comparison = new Comparison(plan);
  await using trainer = machine.start(job, { onNotice, ...(signal && { signal }) });
  for await (const event of trainer.events) {
    if (event.kind === "failed") return expectedFailure(plan, event, { machine: machine.of, mode });
    if (event.kind === "progress") options.onProgress(event.step);
    if (mode === "exact") await comparison.take(event);
    if (event.kind === "replayed" && mode === "distance") return byDistance(plan, machine.of, event);
    if (comparison.differing.length > 0) break;
  }
  const { compared, differing } = comparison;
  if (!comparison.hasEnded && differing.length === 0) {
    throw new AppError(CLI_ERRORS.RERUN_FAILED, { step: plan.from, code: "no answer", reason: "it gave no end state" });
  }
  const outcome = differing.length === 0 ? "agrees" : "disagrees";
  return { ...partOf(plan), outcome, distance: null, compared, differing, machine: machine.of };
}

function byDistance(plan: RerunPlan, machine: MachineClass, event: Replayed): RerunResult {
  const { distance } = event;
  if (plan.end && distance === undefined) {
    throw new AppError(CLI_ERRORS.RERUN_FAILED, { step: plan.to, code: "no answer", reason: "it gave no distance" });
  }
  const comparison = new Comparison(plan);
  comparison.takeDistance(event);
  const { compared, differing } = comparison;
  const outcome = differing.length === 0 ? "plausible" : "implausible";
  return { ...partOf(plan), outcome, distance: distance ?? null, compared, differing, machine };
}

/** Holds the trainer's events against the chain. */
class Comparison {
  readonly differing: string[] = [];
  compared = 0;
  hasEnded = false;
  readonly #plan: RerunPlan;

  constructor(plan: RerunPlan) {
    this.#plan = plan;
  }

  async take(event: TrainingEvent): Promise<void> {
    const { run, result, end, to } = this.#plan;
    if (event.kind === "started") this.#compare("the initial state", event.initialSha256, run.initial_sha256);
    if (event.kind === "checkpoint") {
      // A node that had to leave may have committed a state in between; the next regular one covers it.
      const claimed = this.#plan.checkpoints.find((checkpoint) => checkpoint.step === event.step);
      if (claimed) this.#compare(`the state at step ${event.step}`, event.sha256, claimed.sha256);
      await rm(event.path, { force: true });
    }
    if (event.kind === "replayed") {
      this.hasEnded = true;
      if (end) this.#compare(`the state at step ${event.step}`, event.endSha256, end.sha256);
      else this.#failureAbsent(event);
      this.#compareModel(event.onnxSha256, event.weightsSha256);
    }
    if (event.kind === "finished") {
      this.hasEnded = true;
      if (event.step !== to) this.differing.push(`the last step, ${event.step} instead of ${to}`);
      if (result) this.#compareModel(await nameFile(event.onnxPath, "SHA-256"), event.weightsSha256);
    }
  }

  /** Across classes: how near the end is, and the model, which is made of the claimed state and so has the same bits. */
  takeDistance(event: Replayed): void {
    const { distance = 0, step } = event;
    this.compared++;
    if (!this.#plan.end) this.#failureAbsent(event);
    else if (!(distance <= PLAUSIBLE_DISTANCE)) {
      this.differing.push(`the state at step ${step}, by ${distance.toPrecision(3)} of the interval's update`);
    }
    this.#compareModel(event.onnxSha256, event.weightsSha256);
  }

  #failureAbsent({ step }: Replayed): void {
    this.differing.push(`the failure at step ${step}, which did not come`);
  }

  #compareModel(onnxSha256: string | undefined, weightsSha256: string | undefined): void {
    const { result } = this.#plan;
    if (!result) return;
    this.#compare("the ONNX file", onnxSha256, result.onnx_sha256);
    this.#compare("the weights", weightsSha256, result.weights_sha256);
  }

  #compare(what: string, actual: string | undefined, claimed: string): void {
    this.compared++;
    if (actual !== claimed) this.differing.push(what);
  }
}

/** A job that failed by its own fault must do so again, at the same step. @throws AppError `cli/rerun-failed` for others. */
function expectedFailure(
  plan: RerunPlan,
  event: Extract<TrainingEvent, { kind: "failed" }>,
  { machine, mode }: { readonly machine: MachineClass; readonly mode: Mode },
): RerunResult {
  if (plan.end || event.blame !== "job" || event.step !== plan.to) {
    throw new AppError(CLI_ERRORS.RERUN_FAILED, { step: event.step, code: event.code, reason: event.message });
  }
  const outcome = mode === "exact" ? "agrees" : "plausible";
  return { ...partOf(plan), outcome, distance: null, compared: 1, differing: [], machine };
}

function partOf({ scope, from, to }: RerunPlan): Pick<RerunResult, "scope" | "from" | "to"> {
  return { scope, from, to };
}
