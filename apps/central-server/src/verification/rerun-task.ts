/**
 * What a verifier is given, and what is expected of it.
 *
 * On the same class it is given where to begin and never where to arrive: an answer that agrees can only come from doing
 * the steps. Across classes bits differ, so it gets the claimed state too, to measure a distance.
 */
import type { ChainEntry, CheckpointEntry, RerunClaim, RunEntry } from "@cyxwiz/receipt";
import type { RerunsTable, VerificationsTable } from "../database/schema.ts";
import type { Selectable } from "kysely";
import { segmentsOf } from "./job-chain.ts";
import { modelOf, type JobEnding } from "./job-ending.ts";

export type VerificationRow = Selectable<VerificationsTable>;
export type RerunRow = Selectable<RerunsTable>;

/** A verification's row with its JSON read. */
export interface Verification {
  readonly row: VerificationRow;
  readonly ending: JobEnding;
  readonly chain: readonly ChainEntry[];
  readonly from: number;
  readonly to: number;
}

/** Reads a row in which something was drawn; undefined for one in which nothing was. */
export function readVerification(row: VerificationRow): Verification | undefined {
  if (row.from_step === null || row.to_step === null) return undefined;
  return {
    row,
    ending: row.ending as JobEnding,
    chain: row.chain as readonly ChainEntry[],
    from: Number(row.from_step),
    to: Number(row.to_step),
  };
}

interface CheckpointRef {
  readonly step: bigint;
  readonly cid: string;
  readonly sha256: string;
  readonly sizeBytes: bigint;
}

/** `RerunTask` of the wire, as a plain object. */
export interface RerunTask {
  readonly fromStep: bigint;
  readonly toStep: bigint;
  readonly start?: CheckpointRef;
  readonly model?: CheckpointRef;
  readonly withModel: boolean;
  readonly claim?: CheckpointRef;
  readonly expectsFailure: boolean;
}

export function rerunTask(verification: Verification, mode: RerunRow["mode"]): RerunTask {
  const { row, chain, from, to } = verification;
  const start = checkpointAt(chain, from);
  const last = lastCheckpoint(chain);
  const isInterval = row.subject === "interval";
  const withModel = askedModel(verification) !== undefined;
  const claim = isInterval && mode === "distance" ? checkpointAt(chain, to) : undefined;
  return {
    fromStep: BigInt(from),
    toStep: BigInt(to),
    ...(start && { start: reference(start) }),
    withModel,
    ...(withModel && last && (last.step !== to || mode === "distance") && { model: reference(last) }),
    ...(claim && { claim: reference(claim) }),
    expectsFailure: row.subject === "failure",
  };
}

/** The objects that a task names. */
export function inputsOf({ start, model, claim }: RerunTask): readonly string[] {
  return [start, model, claim].flatMap((object) => (object ? [object.cid] : []));
}

/** What a re-run of the same class has to find. null: not asked. */
export function claimOf(verification: Verification): RerunClaim {
  const { row, chain, ending, from, to } = verification;
  const { failure, step } = ending.kind === "failed" ? ending : { failure: undefined, step: undefined };
  const initial_sha256 = initialOf(chain, { row, from });
  if (row.subject === "failure" && failure) {
    return { ...NOTHING, initial_sha256, failure: { code: failure.code, step: step ?? 0 } };
  }
  const model = askedModel(verification);
  return {
    initial_sha256,
    end_sha256: checkpointAt(chain, to)?.sha256 ?? null,
    onnx_sha256: model?.onnx.sha256 ?? null,
    weights_sha256: model?.weights.sha256 ?? null,
    failure: null,
  };
}

const NOTHING: RerunClaim = {
  initial_sha256: null,
  end_sha256: null,
  onnx_sha256: null,
  weights_sha256: null,
  failure: null,
};

/**
 * The model that a re-run makes again. That of a cancelled job only where the drawn steps are those of who made it: what
 * is refused of such a job is not paid and not done again, so it must be the same one's.
 */
function askedModel({ row, chain, ending, from }: Verification): ReturnType<typeof modelOf> {
  if (row.subject === "failure") return undefined;
  const isLast = from >= (segmentsOf(chain).at(-1)?.from ?? 0);
  return ending.kind === "completed" || isLast ? modelOf(ending) : undefined;
}

/**
 * What the first attempt said of the initial state. Only its own steps are held to it: another node's file of that state
 * may differ, and nobody answers for what another one said.
 */
function initialOf(chain: readonly ChainEntry[], { row, from }: Pick<Verification, "row" | "from">): string | null {
  const run = chain.find((entry): entry is RunEntry => entry.kind === "run");
  const [first, second] = segmentsOf(chain);
  const isOwn = row.machine_id === first?.entry.node_id && row.build === first.entry.build;
  return isOwn && (second === undefined || from < second.from) ? (run?.initial_sha256 ?? null) : null;
}

function checkpointAt(chain: readonly ChainEntry[], step: number): CheckpointEntry | undefined {
  return chain.find((entry): entry is CheckpointEntry => entry.kind === "checkpoint" && entry.step === step);
}

function lastCheckpoint(chain: readonly ChainEntry[]): CheckpointEntry | undefined {
  return chain.findLast((entry): entry is CheckpointEntry => entry.kind === "checkpoint");
}

function reference({ step, cid, sha256, size_bytes }: CheckpointEntry): CheckpointRef {
  return { step: BigInt(step), cid, sha256, sizeBytes: BigInt(size_bytes) };
}
