/**
 * The end of a job: what was committed is drawn from and run again before anybody is paid.
 *
 * `end` takes the commitment and draws; re-runs answer (`rerun-service.ts`); `conclude` turns their verdict into the end of
 * the job or into another attempt at the refused steps. The draw comes after the commitment and from a secure source, so
 * nobody can know while it trains which steps will be looked at.
 *
 * What is checked: a result; a cancel after committed steps, which are paid; and a failure that its node blames on the job.
 * Where nothing is to be checked, or nobody may check, the class is `unverified`, and it says so everywhere.
 */
import { AppError, defined, type JobId } from "@cyxwiz/primitives";
import type { CancelRefund } from "@cyxwiz/market";
import {
  chainRoot,
  CHAIN_START,
  drawInterval,
  type ChainEntry,
  type Interval,
  type SegmentEntry,
  type Verdict,
} from "@cyxwiz/receipt";
import { lockLiveOf, moveAssignment, type AssignmentRow } from "../assignments/assignment-state.ts";
import type { MarketTransaction, TransactionContext } from "../database/transaction.ts";
import { moveJob, type JobRow } from "../jobs/job-state.ts";
import { newId } from "../jobs/new-id.ts";
import { endedAttempt, type JobEndings, type SettlementService } from "../jobs/settlement-service.ts";
import { quoteOf, type QuoteRecord } from "../quotes/quote-record.ts";
import { draw, lastInterval, type Drawn } from "./draw.ts";
import { chainOf, segmentsOf, sha256 } from "./job-chain.ts";
import { resultOf, type FinalEnding, type JobEnding } from "./job-ending.ts";
import type { Refusals } from "./refusals.ts";
import type { RerunRecords } from "./rerun-records.ts";
import { readVerification, type Verification, type VerificationRow } from "./rerun-task.ts";
import { VERIFICATION_ERRORS } from "./verification-errors.ts";

export interface VerificationOptions extends TransactionContext {
  readonly settlements: SettlementService;
  readonly refusals: Refusals;
  readonly records: RerunRecords;
  /** False: nothing is checked, and every result is of class unverified. */
  readonly isEnabled: boolean;
  readonly cancelRefund: CancelRefund;
  /** Part of the jobs, 0 to 1, that two owners have to agree on. */
  readonly auditedShare: number;
  /** Uniform in [0, 1), from a secure source. */
  readonly secureRandom: () => number;
}

export class VerificationService implements JobEndings {
  readonly #options: VerificationOptions;

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  /**
   * Ends a locked job within the caller's transaction: at once, or after a verdict. Call `committed` after its commit.
   *
   * @throws AppError `central/chain-mismatch`, `central/commitment-missing`; nothing has changed then.
   */
  async end(transaction: MarketTransaction, job: JobRow, reported: FinalEnding): Promise<void> {
    const quote = await quoteOf(transaction, job);
    const live = await lockLiveOf(transaction, job.id as JobId);
    const committed = await chainOf(transaction, job, quote);
    const ending = withOwnModel(reported, committed, live);
    const chain = await chainOf(transaction, job, quote, ending);
    const root = chain && chainRoot(chain, sha256);
    if (ending.kind === "completed") this.#checkCommitment(job, quote, ending, root);
    const drawn = this.#draw(job, quote, ending, chain ?? []);
    if (!drawn) {
      const verificationId =
        chain && ending.kind !== "failed" ? await this.#note(transaction, { job, ending, chain, drawn }) : undefined;
      if (ending.kind === "completed") await this.#options.records.noteUnchecked(transaction, job, { chain, live });
      await this.#options.settlements.settle(transaction, job, { ending, verdict: "unverified", verificationId });
      return;
    }
    const at = this.#now();
    if (live) await moveAssignment(transaction, live, { event: endedAttempt(ending, live.state), at });
    const message = `${committedText(ending)}; steps ${drawn.interval.from} to ${drawn.interval.to} are run again`;
    const moved = await moveJob(transaction, job, { event: "end-committed", at, message, also: alsoOf(ending) });
    await this.#note(transaction, { job: moved, ending, chain: chain ?? [], drawn, live });
  }

  /**
   * Has what an ended attempt leaves checked before anybody builds on it: else an honest node's work could be lost with
   * another's lie. False when there is nothing to check; then the caller puts the job back itself.
   *
   * `isDoubted`: the next node could not read the last checkpoint, so the interval that made it is the one to look at.
   */
  async handOver(
    transaction: MarketTransaction,
    job: JobRow,
    { attempt, isDoubted, message }: HandOver,
  ): Promise<boolean> {
    const quote = await quoteOf(transaction, job);
    const chain = this.isRequired(quote) ? await chainOf(transaction, job, quote) : undefined;
    const drawn = chain && this.#drawHandedOver(chain, { job, attempt, isDoubted });
    if (!drawn) return false;
    const at = this.#now();
    const text = `${message}; steps ${drawn.interval.from} to ${drawn.interval.to} are checked before another node goes on`;
    const moved = await moveJob(transaction, job, { event: "end-committed", at, message: text });
    await this.#note(transaction, { job: moved, ending: { kind: "handed-over" }, chain, drawn, live: attempt });
    return true;
  }

  /** Whether a job's end is checked before anybody is paid. */
  isRequired(quote: QuoteRecord): boolean {
    return this.#options.isEnabled && quote.requirements.verification === "required";
  }

  committed(): void {
    this.#options.settlements.committed();
  }

  /** Ends what the verdict was about. The job's row is locked. Call `committed` after the commit. */
  async conclude(
    transaction: MarketTransaction,
    job: JobRow,
    row: VerificationRow,
    { verdict, isSlashable }: { readonly verdict: Verdict; readonly isSlashable: boolean },
  ): Promise<void> {
    const verification = defined(readVerification(row), "a verification with a drawn interval");
    await transaction
      .updateTable("verifications")
      .set({ verdict, decided_at: this.#now() })
      .where("id", "=", row.id)
      .execute();
    await this.#options.records.noteVerdict(transaction, job, { verification, verdict });
    const { ending } = verification;
    if (verdict === "refused") {
      await this.#options.refusals.refuse(transaction, job, { verification, isSlashable });
      return;
    }
    if (ending.kind === "handed-over") {
      const message = `the steps up to ${job.committed_step} stand (${verdict}); the job waits for another node`;
      const doubter = verdict === "unverified" ? undefined : await doubterOf(transaction, row);
      const also = doubter === undefined ? {} : { banned_machines: [...job.banned_machines, doubter] };
      await moveJob(transaction, job, { event: "handed-over", at: this.#now(), message, also });
      return;
    }
    if (await this.#noteNextPiece(transaction, job, verification)) return;
    await this.#options.settlements.settle(transaction, job, { ending, verdict, verificationId: row.id });
  }

  /**
   * What was answered contradicts the work, and nobody else can decide: it is neither paid nor refused. Its steps are done
   * again elsewhere, and it costs nobody any standing.
   */
  async contest(transaction: MarketTransaction, job: JobRow, row: VerificationRow): Promise<void> {
    const verification = defined(readVerification(row), "a verification with a drawn interval");
    await transaction
      .updateTable("verifications")
      .set({ verdict: "contested", decided_at: this.#now() })
      .where("id", "=", row.id)
      .execute();
    await this.#options.refusals.redo(transaction, job, verification);
  }

  #drawHandedOver(
    chain: readonly ChainEntry[],
    { job, attempt, isDoubted }: Pick<HandOver, "attempt" | "isDoubted"> & { readonly job: JobRow },
  ): DrawnPiece | undefined {
    const doubted = lastInterval(chain);
    if (isDoubted) return doubted && intervalOf(doubted);
    const last = segmentsOf(chain).findLast((segment) => segment.checkpoints.length > 0);
    if (!last) return undefined;
    const { entry: segment, checkpoints, from } = last;
    if (from !== Number(attempt.from_step) || segment.node_id !== attempt.machine_id) return undefined;
    const random = this.#options.secureRandom;
    return intervalOf({
      interval: drawInterval({ checkpoints, from, totalSteps: Number(job.total_steps), random }),
      segment,
    });
  }

  /**
   * A failure is believed; the steps before it are still to be paid. First the interval that ends in the state it failed
   * from, because a poisoned state fails for everybody, then one that is drawn. False: there is nothing more to look at.
   */
  async #noteNextPiece(transaction: MarketTransaction, job: JobRow, verification: Verification): Promise<boolean> {
    const { ending, chain, row } = verification;
    if (ending.kind !== "failed") return false;
    const stage = row.subject === "failure" ? "last" : ending.stage === "last" ? "drawn" : undefined;
    const intervals = segmentsOf(chain).flatMap((segment) => segment.checkpoints).length;
    if (stage === undefined || intervals < (stage === "last" ? 1 : 2)) return false;
    const { secureRandom } = this.#options;
    const drawn = stage === "last" ? lastInterval(chain) : draw(chain, Number(job.total_steps), secureRandom);
    if (!drawn) return false;
    await this.#note(transaction, { job, ending: { ...ending, stage }, chain, drawn: intervalOf(drawn) });
    return true;
  }

  #checkCommitment(
    job: JobRow,
    quote: QuoteRecord,
    { commitment }: Extract<FinalEnding, { kind: "completed" }>,
    expected: string | undefined,
  ): void {
    const jobId = job.id;
    if (commitment && expected !== undefined && commitment.root === expected) return;
    if (!this.isRequired(quote) && expected === undefined) return;
    if (commitment && commitment.root !== "") {
      const context = { jobId, committed: commitment.root.slice(0, 80), expected: expected ?? "none" };
      throw new AppError(VERIFICATION_ERRORS.CHAIN_MISMATCH, context);
    }
    if (!this.isRequired(quote)) return;
    throw new AppError(VERIFICATION_ERRORS.COMMITMENT_MISSING, { jobId, missing: "chain root" });
  }

  /** What is to be run again; undefined when nothing of it can be or has to be. */
  #draw(job: JobRow, quote: QuoteRecord, ending: FinalEnding, chain: readonly ChainEntry[]): DrawnPiece | undefined {
    if (!this.isRequired(quote)) return undefined;
    const { secureRandom, cancelRefund } = this.#options;
    if (ending.kind === "failed") {
      if (ending.failure.blame !== "job" || ending.step === undefined) return undefined;
      return { subject: "failure", interval: failingInterval(job, quote, ending.step), suspect: undefined };
    }
    if (ending.kind === "cancelled" && cancelRefund === "full") return undefined;
    const drawn = draw(chain, Number(job.total_steps), secureRandom);
    return drawn && intervalOf(drawn);
  }

  async #note(
    transaction: MarketTransaction,
    {
      job,
      ending,
      chain,
      drawn,
      live,
    }: {
      readonly job: JobRow;
      readonly ending: JobEnding;
      readonly chain: readonly ChainEntry[];
      readonly drawn: DrawnPiece | undefined;
      readonly live?: AssignmentRow | undefined;
    },
  ): Promise<string> {
    const { random, secureRandom, auditedShare } = this.#options;
    const at = this.#now();
    const id = newId(random);
    await transaction
      .insertInto("verifications")
      .values({
        id,
        job_id: job.id,
        assignment_id: live?.id ?? null,
        subject: drawn?.subject ?? "interval",
        ending: JSON.stringify(ending),
        chain: JSON.stringify(chain),
        ...suspectColumns(drawn?.suspect, live),
        root: chain.length > 0 ? chainRoot(chain, sha256) : CHAIN_START(sha256),
        from_step: drawn ? BigInt(drawn.interval.from) : null,
        to_step: drawn ? BigInt(drawn.interval.to) : null,
        is_audited: drawn !== undefined && secureRandom() < auditedShare,
        drawn_at: at,
        ...(!drawn && { decided_at: at, verdict: "unverified" }),
      })
      .execute();
    return id;
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** An attempt that ended without the job. */
interface HandOver {
  readonly attempt: AssignmentRow;
  readonly isDoubted: boolean;
  /** Why it ended. */
  readonly message: string;
}

interface DrawnPiece {
  readonly subject: "interval" | "failure";
  readonly interval: Interval;
  /** Whose steps they are; of a failure, the attempt that reports it. */
  readonly suspect: SegmentEntry | undefined;
}

function intervalOf({ interval, segment }: Drawn): DrawnPiece {
  return { subject: "interval", interval, suspect: segment };
}

function suspectColumns(
  suspect: SegmentEntry | undefined,
  live: AssignmentRow | undefined,
): Pick<VerificationRow, "machine_id" | "lowering" | "build" | "hardware_class" | "threads"> {
  const {
    machine_id = null,
    lowering = null,
    build = null,
    hardware_class = null,
    threads = null,
  } = suspect ? { ...suspect, machine_id: suspect.node_id } : (live ?? {});
  return { machine_id, lowering, build, hardware_class, threads };
}

/** A cancelled job keeps the model of an attempt that committed steps itself: nobody else answers for it. */
function withOwnModel(
  ending: FinalEnding,
  chain: readonly ChainEntry[] | undefined,
  live: AssignmentRow | undefined,
): FinalEnding {
  if (ending.kind !== "cancelled" || !ending.result || !chain) return ending;
  if (segmentsOf(chain).at(-1)?.entry.node_id === live?.machine_id) return ending;
  return { kind: "cancelled", reason: `${ending.reason}; its model is not kept, because its node committed no steps` };
}

/** The node that could not read another's checkpoint, which is fine: it would be the same again. */
async function doubterOf(
  transaction: MarketTransaction,
  { assignment_id, machine_id }: VerificationRow,
): Promise<string | undefined> {
  const attempt = await transaction
    .selectFrom("assignments")
    .select("machine_id")
    .where("id", "=", assignment_id)
    .executeTakeFirst();
  return attempt?.machine_id === machine_id ? undefined : attempt?.machine_id;
}

/** From the last committed state to the step that failed, which is at most one checkpoint interval away. */
function failingInterval(job: JobRow, { settings }: QuoteRecord, failed: number): Interval {
  const from = Number(job.committed_step);
  const most = Math.min(from + settings.checkpoint_every_steps, Number(job.total_steps));
  return { from, to: Math.min(Math.max(failed, from), most) };
}

function committedText(ending: FinalEnding): string {
  switch (ending.kind) {
    case "completed":
      return "the result is committed";
    case "cancelled":
      return `${ending.reason}; its committed steps are checked before they are paid`;
    case "failed":
      return `${ending.failure.message}; whether the job is at fault is checked`;
  }
}

/** The result is there from now on, before anybody believes it. */
function alsoOf(ending: FinalEnding): { readonly result?: string } {
  const result = resultOf(ending);
  return result ? { result: JSON.stringify(result) } : {};
}
