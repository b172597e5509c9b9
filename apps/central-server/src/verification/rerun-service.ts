/**
 * What verifiers report, and what becomes of an attempt to check that ends without an answer.
 *
 * An answer counts when it comes under a live VERIFY assignment, from a node whose owner has no part in the job, made
 * with what the assignment was given to. Whether it agrees is decided here and not by the verifier.
 */
import { AppError, defined, type JobId } from "@cyxwiz/primitives";
import type { AssignmentEvent } from "@cyxwiz/market";
import {
  judge,
  outcomeOf,
  mismatches,
  type JudgedRerun,
  type RerunAnswer,
  type RerunOutcome,
  PLAUSIBLE_DISTANCE,
  type Mismatch,
} from "@cyxwiz/receipt";
import { requireKind } from "../assignments/assignment-service.ts";
import { changeAttempt } from "../assignments/attempt-change.ts";
import { moveAssignment, type AssignmentRow } from "../assignments/assignment-state.ts";
import type { AssignmentClaim, LiveAssignment, LiveAssignments } from "../assignments/live-assignments.ts";
import type { MarketTransaction, TransactionContext } from "../database/transaction.ts";
import type { JobSignals } from "../jobs/job-signals.ts";
import { noteJobEvent, type JobRow } from "../jobs/job-state.ts";
import { isIndependent } from "./independence.ts";
import { claimOf, readVerification, type RerunRow, type Verification } from "./rerun-task.ts";
import { VERIFICATION_ERRORS } from "./verification-errors.ts";
import type { VerificationService } from "./verification-service.ts";

export interface RerunServiceOptions extends TransactionContext {
  readonly live: LiveAssignments;
  readonly signals: JobSignals;
  readonly verifications: VerificationService;
  /** A unit is free, or a job has to be placed again. */
  readonly wakeScheduler: () => void;
}

/** A `RerunReport`, read. */
export interface ReportedRerun {
  readonly answer: RerunAnswer;
  readonly distance: number | null;
  readonly seconds: number;
  readonly lowering: string;
  readonly build: string;
  readonly hardwareClass: string;
}

export class RerunService {
  readonly #options: RerunServiceOptions;

  constructor(options: RerunServiceOptions) {
    this.#options = options;
  }

  /**
   * Takes an answer and, when it decides, ends the job or has its steps done again. The same answer again changes nothing.
   *
   * @throws AppError `central/assignment-over`, `central/report-kind-mismatch`, `central/verifier-not-independent`,
   * `central/rerun-class-mismatch`.
   */
  async reported(claim: AssignmentClaim, report: ReportedRerun): Promise<void> {
    if (await this.#isAnswered(claim)) return;
    const live = await this.#options.live.require(claim);
    requireKind(live, "rerun", "VERIFY");
    await this.#end(live, async (transaction, job, offered) => {
      const assignment = await takenUp(transaction, offered, this.#now());
      const rerun = await rerunOf(transaction, assignment);
      const verification = await verificationOf(transaction, rerun);
      await this.#check(transaction, job, { verification, live, assignment, report });
      const claimed = claimOf(verification);
      const mode = rerun.mode === "exact" ? { mode: "exact" as const } : { mode: "distance" as const, ...report };
      const outcome = outcomeOf(claimed, report.answer, mode);
      const reasons = reasonsOf(outcome, mismatches(claimed, report.answer), report.distance);
      const at = this.#now();
      await transaction
        .updateTable("reruns")
        .set({ outcome, reasons: JSON.stringify(reasons), distance: finite(report.distance), reported_at: at })
        .where("assignment_id", "=", assignment.id)
        .execute();
      await moveAssignment(transaction, assignment, { event: "succeeded", at });
      const message = await outcomeText(transaction, { assignment, verification, outcome, reasons });
      await noteJobEvent(transaction, job.id as JobId, { kind: "rerun", at, message });
      await this.#decide(transaction, job, verification);
    });
  }

  /** The verifier fell silent for longer than its lease. Does nothing when it spoke in between. */
  async leaseExpired(live: LiveAssignment): Promise<void> {
    await this.unanswered(live, {
      event: "lease-expired",
      message: "its node fell silent",
      isStillSo: ({ lease_expires_at }) => lease_expires_at.getTime() <= this.#options.clock.now(),
    });
  }

  /** An attempt to check ended without an answer: another verifier is asked. */
  async unanswered(
    live: LiveAssignment,
    {
      event,
      message,
      isStillSo = () => true,
    }: {
      readonly event: AssignmentEvent;
      readonly message: string;
      /** Asked of the locked row. */
      readonly isStillSo?: (assignment: AssignmentRow) => boolean;
    },
  ): Promise<void> {
    await this.#end(live, async (transaction, job, offered) => {
      const at = this.#now();
      if (!isStillSo(offered)) return;
      const isOffer = offered.state === "OFFERED";
      const assignment = event === "failed" ? await takenUp(transaction, offered, at) : offered;
      const ended = event === "declined" && !isOffer ? "failed" : event;
      await moveAssignment(transaction, assignment, { event: ended, at });
      const text = `a re-run ended without an answer: ${message}; another verifier is asked`;
      await noteJobEvent(transaction, job.id as JobId, { kind: "rerun-lost", at, message: text });
    });
  }

  async #check(
    transaction: MarketTransaction,
    job: JobRow,
    checked: {
      readonly verification: Verification;
      readonly live: LiveAssignment;
      readonly assignment: AssignmentRow;
      readonly report: ReportedRerun;
    },
  ): Promise<void> {
    const { verification, live, assignment, report } = checked;
    const { nodeId } = live;
    if (!(await isIndependent(transaction, job, { nodeId, verification }))) {
      throw new AppError(VERIFICATION_ERRORS.VERIFIER_NOT_INDEPENDENT, { jobId: job.id, nodeId });
    }
    const reported = `${report.lowering} ${report.build} ${report.hardwareClass}`;
    const assigned = `${assignment.lowering} ${assignment.build} ${assignment.hardware_class}`;
    if (reported !== assigned) {
      throw new AppError(VERIFICATION_ERRORS.RERUN_CLASS_MISMATCH, { reported: reported.slice(0, 200), assigned });
    }
  }

  async #decide(transaction: MarketTransaction, job: JobRow, verification: Verification): Promise<void> {
    const answers = await answersOf(transaction, verification.row.id);
    const judgement = judge(answers, { isAudited: verification.row.is_audited });
    if (judgement.kind === "another") return;
    await this.#options.verifications.conclude(transaction, job, verification.row, judgement);
  }

  async #end(
    live: LiveAssignment,
    run: (transaction: MarketTransaction, job: JobRow, assignment: AssignmentRow) => Promise<void>,
  ): Promise<void> {
    const { signals, verifications, wakeScheduler } = this.#options;
    if (!(await changeAttempt(this.#options, live, run))) return;
    verifications.committed();
    signals.changed(live.jobId);
    wakeScheduler();
  }

  async #isAnswered({ nodeId, assignmentId, fencingToken }: AssignmentClaim): Promise<boolean> {
    const row = await this.#options.db
      .selectFrom("assignments")
      .select("id")
      .where("id", "=", assignmentId)
      .where("machine_id", "=", nodeId)
      .where("fencing_token", "=", fencingToken)
      .where("kind", "=", "VERIFY")
      .where("state", "=", "SUCCEEDED")
      .executeTakeFirst();
    return row !== undefined;
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** The answers of a verification in the order of their reports. */
export async function answersOf(
  transaction: MarketTransaction,
  verificationId: string,
): Promise<readonly JudgedRerun[]> {
  const rows = await transaction
    .selectFrom("reruns")
    .select(["owner_id", "outcome", "is_trusted"])
    .where("verification_id", "=", verificationId)
    .where("outcome", "is not", null)
    .orderBy("reported_at")
    .orderBy("assignment_id")
    .execute();
  return rows.map(({ owner_id, outcome, is_trusted }) => ({
    owner: owner_id,
    outcome: outcome as RerunOutcome,
    isTrusted: is_trusted,
  }));
}

async function rerunOf(transaction: MarketTransaction, { id }: AssignmentRow): Promise<RerunRow> {
  return transaction.selectFrom("reruns").selectAll().where("assignment_id", "=", id).executeTakeFirstOrThrow();
}

async function verificationOf(transaction: MarketTransaction, rerun: RerunRow): Promise<Verification> {
  const row = await transaction
    .selectFrom("verifications")
    .selectAll()
    .where("id", "=", rerun.verification_id)
    .executeTakeFirstOrThrow();
  return defined(readVerification(row), "a verification with a drawn interval");
}

/** Walks an attempt to RUNNING from wherever it is: an answer shows that it was taken up and begun. */
async function takenUp(transaction: MarketTransaction, assignment: AssignmentRow, at: Date): Promise<AssignmentRow> {
  let moved = assignment;
  if (moved.state === "OFFERED") {
    moved = await moveAssignment(transaction, moved, { event: "accepted", at, also: { accepted_at: at } });
  }
  if (moved.state === "ACCEPTED") {
    moved = await moveAssignment(transaction, moved, { event: "started", at, also: { started_at: at } });
  }
  return moved;
}

/** What a negative answer holds against the work: across classes the distance of the ends, and the model. */
function reasonsOf(
  outcome: RerunOutcome,
  different: readonly Mismatch[],
  distance: number | null,
): readonly Mismatch[] {
  if (outcome === "disagrees") return different;
  if (outcome !== "implausible") return [];
  const isNear = distance !== null && distance >= 0 && distance <= PLAUSIBLE_DISTANCE;
  const model = different.filter((name) => name === "onnx" || name === "weights");
  return isNear ? model : ["end", ...model];
}

async function outcomeText(
  transaction: MarketTransaction,
  said: {
    readonly assignment: AssignmentRow;
    readonly verification: Verification;
    readonly outcome: RerunOutcome;
    readonly reasons: readonly string[];
  },
): Promise<string> {
  const { assignment, verification, outcome, reasons } = said;
  const { name } = await transaction
    .selectFrom("machines")
    .select("name")
    .where("id", "=", assignment.machine_id)
    .executeTakeFirstOrThrow();
  const what =
    verification.row.subject === "failure" ? "the failing steps" : `steps ${verification.from} to ${verification.to}`;
  const differing = reasons.length > 0 ? ` (different: ${reasons.join(", ")})` : "";
  return `${name} ran ${what} again: ${outcome}${differing}`;
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
