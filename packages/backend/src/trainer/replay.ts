/**
 * Runs an interval of a job again and says what came out, for whoever compares it with what was claimed.
 *
 * It is told no expected hash, tests nothing and keeps no file. Its steps are those of a training.
 */
import { AppError } from "@cyxwiz/primitives";
import { BACKEND_ERRORS } from "../errors.ts";
import { hashParts } from "../safetensors/safetensors-file.ts";
import { absorbedTensors } from "./absorbed-bias.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { JobRun } from "./job-run.ts";
import { modelFiles } from "./model-files.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { ProgressMeter } from "./progress-meter.ts";
import { stateDistance } from "./state-distance.ts";
import type { TrainerContext } from "./trainer-context.ts";
import type { Replay, TrainingEvent } from "./training-job.ts";

type Replayed = Omit<Extract<TrainingEvent, { kind: "replayed" }>, "kind" | "seconds">;

/**
 * Steps to `replay.toStep`, with progress events.
 * @throws AppError `backend/checkpoint-mismatch` for a claim or a model's checkpoint of another run,
 * `backend/replay-stopped`, and everything that steps throw.
 */
export async function runReplay(run: JobRun, { prepared, replay, context }: ReplayParts): Promise<Replayed> {
  const { toStep } = replay;
  const meter = new ProgressMeter(context.clock, prepared.plan, { firstStep: run.firstStep, lastStep: toStep });
  while (run.step < toStep) {
    if (context.isStopped()) throw new AppError(BACKEND_ERRORS.REPLAY_STOPPED, { step: run.step, toStep });
    await run.applyChanges();
    const progress = meter.take(await run.advance(toStep), run.step);
    if (progress) context.emit(progress);
  }
  const end = { step: toStep, state: await run.readState() };
  return {
    step: toStep,
    endSha256: prepared.hash(end),
    ...(replay.withModel ? await modelHashes(prepared, replay, end) : {}),
    ...(replay.claim === undefined ? {} : { distance: await distanceTo(prepared, replay.claim, end) }),
  };
}

interface ReplayParts {
  readonly prepared: PreparedJob;
  readonly replay: Replay;
  readonly context: TrainerContext;
}

async function modelHashes(
  prepared: PreparedJob,
  { modelFrom }: Replay,
  end: Checkpoint,
): Promise<{ readonly onnxSha256: string; readonly weightsSha256: string }> {
  const { state } = modelFrom === undefined ? end : await prepared.readCheckpoint(modelFrom);
  const { onnx, weights } = modelFiles(prepared.model, state);
  return { onnxSha256: hashParts(onnx), weightsSha256: hashParts(weights) };
}

async function distanceTo(prepared: PreparedJob, path: string, own: Checkpoint): Promise<number> {
  const claim = await prepared.readCheckpoint(path);
  if (claim.step !== own.step) {
    const context = { field: "step", found: String(claim.step), expected: String(own.step) };
    throw new AppError(BACKEND_ERRORS.CHECKPOINT_MISMATCH, context);
  }
  const start = await prepared.readStart();
  const states = { start: start.state, own: own.state, claim: claim.state };
  return stateDistance(prepared.model, states, absorbedTensors(prepared.graph, prepared.model));
}
