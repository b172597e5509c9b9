/**
 * JobService. A malformed id and a bad token are gRPC errors; every other refusal is in the answer, as deployed Engines
 * expect. Another user's job does not exist for the caller.
 */
import {
  isAppError,
  isError,
  parseAmount,
  parseJobId,
  parseQuoteId,
  printable,
  type JobId,
  type QuoteId,
  type UserId,
} from "@cyxwiz/primitives";
import { JOB_STATES, MARKET_ERRORS, type JobState } from "@cyxwiz/market";
import {
  inBandError,
  StatusCode,
  toWireJobStatus,
  type JobService as JobServiceDescription,
  type SubmitJobRequest,
} from "@cyxwiz/protocol";
import type { Clock } from "@cyxwiz/platform";
import type { RpcContext, ServiceHandlers } from "@cyxwiz/protocol/server";
import type { Database } from "../database/open-database.ts";
import { refusingInBand, type InBandRefusal } from "../machines/in-band-refusal.ts";
import { QUOTE_ERRORS } from "../quotes/quote-errors.ts";
import type { QuoteService } from "../quotes/quote-service.ts";
import { ceilingOf, checkCeiling, quoteRequestOf } from "./job-config.ts";
import { readJobCursor, writeJobCursor } from "./job-cursor.ts";
import { JOB_ERRORS } from "./job-errors.ts";
import { findJob, historyOf, listJobs } from "./job-query.ts";
import type { JobService } from "./job-service.ts";
import type { JobSignals } from "./job-signals.ts";
import { isEnded } from "./job-state.ts";
import { toJobStatus } from "./job-status.ts";
import { JobStatusCache, type JobStatusAnswer } from "./job-status-cache.ts";
import { DEFAULT_JOBS_PAGE, DEFAULT_PRICE_LIMIT, JOB_UPDATE_INTERVAL_MS, MAX_JOBS_PAGE } from "./limits.ts";
import type { LiveProgress } from "./live-progress.ts";

export interface JobHandlerOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly jobs: JobService;
  readonly quotes: QuoteService;
  readonly progress: LiveProgress;
  readonly signals: JobSignals;
  readonly userOf: (context: RpcContext) => { readonly userId: UserId };
}

type JobHandlers = ServiceHandlers<typeof JobServiceDescription>;

export function createJobHandlers(options: JobHandlerOptions): JobHandlers {
  const { db, jobs, progress } = options;
  const statuses = new JobStatusCache({
    ...options,
    read: async (jobId, userId) => ({
      record: await findJob(db, jobId, userId),
      history: await historyOf(db, jobId),
    }),
  });
  return {
    submitJob: (request, context) =>
      refusingPayment(async () => {
        const { userId } = options.userOf(context);
        return { jobId: await submit(options, request, userId), status: StatusCode.STATUS_SUCCESS };
      }),
    getJobStatus: (request, context) =>
      statusOrError(async () => statuses.answer(parseJobId(request.jobId), options.userOf(context).userId)),
    cancelJob: (request, context) =>
      refusingInBand(async () => {
        const { userId } = options.userOf(context);
        const jobId = parseJobId(request.jobId);
        await jobs.cancel({
          userId,
          jobId,
          reason: printable(request.reason) || undefined,
          keepModel: false,
        });
        const { escrow } = await findJob(db, jobId, userId);
        return { status: StatusCode.STATUS_SUCCESS, refundIssued: (escrow?.refunded_amount ?? 0n) > 0n };
      }),
    deleteJob: (request, context) =>
      refusingInBand(async () => {
        await jobs.delete(parseJobId(request.jobId), options.userOf(context).userId);
        return { status: StatusCode.STATUS_SUCCESS };
      }),
    streamJobUpdates: (request, context) => streamUpdates(options, parseJobId(request.jobId), context),
    listJobs: async (request, context) => {
      const { userId } = options.userOf(context);
      const limit = request.pageSize > 0 ? Math.min(request.pageSize, MAX_JOBS_PAGE) : DEFAULT_JOBS_PAGE;
      const before = request.pageToken === "" ? undefined : readJobCursor(request.pageToken);
      const states =
        request.filterStatus === StatusCode.STATUS_UNKNOWN ? JOB_STATES : statesShownAs(request.filterStatus);
      const page = await listJobs(db, userId, { limit: limit + 1, before, states });
      const last = page.length > limit ? page[limit - 1]?.job : undefined;
      const total = await db
        .selectFrom("jobs")
        .select((eb) => eb.fn.countAll<bigint>().as("total"))
        .where("user_id", "=", userId)
        .where("state", "in", [...states])
        .executeTakeFirstOrThrow();
      return {
        jobs: page
          .slice(0, limit)
          .map((record) => toJobStatus(record, { live: progress.latest(record.job.id as JobId) })),
        nextPageToken: last ? writeJobCursor({ createdAt: last.created_at, id: last.id }) : "",
        totalCount: Number(total.total),
      };
    },
  };
}

/** By the caller's quote; without one the server quotes, and `payment_amount` is the ceiling. */
async function submit(
  { db, jobs, quotes }: JobHandlerOptions,
  request: SubmitJobRequest,
  userId: UserId,
): Promise<JobId> {
  const jobId = request.config?.jobId ? parseJobId(request.config.jobId) : undefined;
  if (request.quoteId !== "") return jobs.submit({ userId, quoteId: parseQuoteId(request.quoteId), jobId });
  if (jobId && (await isSubmitted(db, jobId, userId))) return jobId;
  const ceiling = ceilingOf(request, DEFAULT_PRICE_LIMIT);
  const quote = await quotes.create(userId, quoteRequestOf(request));
  checkCeiling(parseAmount(quote.amount), ceiling);
  try {
    return await jobs.submit({ userId, quoteId: quote.quote_id as QuoteId, jobId });
  } catch (error) {
    // The same call came twice at once, each quoted for itself, and the other was first: its job is the answer.
    const isTaken = isError(error, JOB_ERRORS.JOB_ID_TAKEN) && jobId !== undefined;
    if (isTaken && (await isSubmitted(db, jobId, userId))) return jobId;
    throw error;
  }
}

async function isSubmitted(db: Database, jobId: JobId, userId: UserId): Promise<boolean> {
  const job = await db
    .selectFrom("jobs")
    .select("id")
    .where("id", "=", jobId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  return job !== undefined;
}

/** Progress as it comes, at most `JOB_UPDATE_INTERVAL_MS` apart; ends when the job has and its money is settled. */
async function* streamUpdates(
  { db, clock, signals, progress, userOf }: JobHandlerOptions,
  jobId: JobId,
  context: RpcContext,
): ReturnType<NonNullable<JobHandlers["streamJobUpdates"]>> {
  const { userId } = userOf(context);
  for await (const _ of signals.watch(jobId, context.signal)) {
    const record = await findJob(db, jobId, userId);
    const history = await historyOf(db, jobId);
    const status = toJobStatus(record, { live: progress.latest(jobId), history });
    const logMessage = history.events.at(-1)?.message ?? "";
    yield { jobId, status, liveMetrics: { ...status.metrics }, logMessage };
    if (isEnded(record.job.state) && record.escrow?.state === "SETTLED") return;
    await clock.sleep(JOB_UPDATE_INTERVAL_MS, context.signal).catch(() => undefined);
  }
}

/** As other refusals, but what the caller cannot or will not pay is 402. */
async function refusingPayment<Answer>(run: () => Promise<Answer>): Promise<Answer | InBandRefusal> {
  return refusingInBand(async () => {
    try {
      return await run();
    } catch (error) {
      const isPayment =
        isError(error, MARKET_ERRORS.INSUFFICIENT_FUNDS) ||
        isError(error, JOB_ERRORS.CEILING_EXCEEDED) ||
        isError(error, QUOTE_ERRORS.PRICE_OVER_CEILING);
      if (!isPayment || !isAppError(error)) throw error;
      return { status: StatusCode.STATUS_FAILED, error: inBandError(error, 402) };
    }
  });
}

/** GetJobStatus has no status of its own beside the job's: a refusal is only its error. */
async function statusOrError(
  run: () => Promise<JobStatusAnswer>,
): Promise<JobStatusAnswer | Pick<InBandRefusal, "error">> {
  const answer = await refusingInBand(run);
  return "error" in answer ? { error: answer.error } : answer;
}

/** The states that a client sees as one status. */
function statesShownAs(status: StatusCode): readonly JobState[] {
  return JOB_STATES.filter((state) => toWireJobStatus(state, true) === status);
}
